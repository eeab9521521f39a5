-- Leaves a fifth of each page free: the next version of a row that is rotated finds room beside the last one, and then
-- no index is written, as none of them holds a column that changes (heap-only tuples).
ALTER TABLE sessions SET (fillfactor = 80);
