const units: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** Beyond a week a date says more than a count of days. */
const longestRelative = 7 * 86_400;

/** How long before (or after) now a moment is, short: "5 min. ago"; undefined when a date says more. */
export function relative(then: Date, now: Date, lang: string): string | undefined {
  const seconds = Math.round((then.getTime() - now.getTime()) / 1000);
  const distance = Math.abs(seconds);
  if (Number.isNaN(distance) || distance > longestRelative) return undefined;
  const format = new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "narrow" });
  for (const [unit, size] of units) {
    if (distance >= size) return format.format(Math.trunc(seconds / size), unit);
  }
  return format.format(0, "second");
}

/** Rewrites times marked data-time to count from now, with the full local time as the title, and keeps them right. */
export function keepTimesRelative(root: Document): void {
  const times = [...root.querySelectorAll<HTMLTimeElement>("time[data-time]")];
  if (times.length === 0) return;
  const lang = root.documentElement.lang || "en";
  const full = new Intl.DateTimeFormat(lang, { dateStyle: "full", timeStyle: "short" });
  const update = (): void => {
    const now = new Date();
    for (const el of times) {
      const text = relative(new Date(el.dateTime), now, lang);
      if (text !== undefined) el.textContent = text;
    }
  };
  for (const el of times) {
    const then = new Date(el.dateTime);
    if (!Number.isNaN(then.getTime())) el.title = full.format(then);
  }
  update();
  setInterval(update, 60_000);
}
