-- No statement looks for events by their time alone, and each event had to be written here, too. Batches follow each
-- other in time, so audit_events_by_batch finds those of a day as well.
DROP INDEX audit_events_by_time;
