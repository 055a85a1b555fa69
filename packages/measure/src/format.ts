/** Numbers and tables as people read them. */

export function count(value: number): string {
  return value.toLocaleString("en");
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** `4.2 s`, `42 s`, `3:07 min`, `1:03:07 h`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  const part = (value: number): string => String(value).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${part(whole % 60)} min`;
  return `${Math.floor(minutes / 60)}:${part(minutes % 60)}:${part(whole % 60)} h`;
}
