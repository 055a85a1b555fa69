/** Where a command's words go: results to standard output, notices about what was got round to standard error. */

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

export function notice(text: string): void {
  process.stderr.write(`notice: ${text}\n`);
}
