/** Shows one button that opens or closes every content warning of a conversation, when there are at least two. */
export function toggleAllWarnings(root: Document): void {
  const button = root.querySelector<HTMLButtonElement>("button[data-cw-all]");
  const warnings = [...root.querySelectorAll<HTMLDetailsElement>("details[data-cw]")];
  if (!button || warnings.length < 2) return;
  const label = (): void => {
    button.textContent = warnings.every((w) => w.open) ? "Hide all content warnings" : "Show all content warnings";
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const open = !warnings.every((w) => w.open);
    for (const w of warnings) w.open = open;
    label();
  });
  for (const w of warnings) w.addEventListener("toggle", label);
}
