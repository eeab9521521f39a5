// Ends the server when the other end of the pipe is closed, by the death of Jest that is, however sudden.
process.stdin
  .on('end', () => process.kill(process.pid, 'SIGKILL'))
  .resume()
  .unref();
