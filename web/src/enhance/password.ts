/** Gives every password field a button that shows what was typed. It is hidden again before the form is sent. */
export function revealPasswords(root: Document): void {
  for (const box of root.querySelectorAll<HTMLElement>("[data-password]")) {
    const input = box.querySelector("input");
    if (!input) continue;
    const button = root.createElement("button");
    button.type = "button";
    button.className = "reveal";
    button.setAttribute("aria-controls", input.id);
    const show = (shown: boolean): void => {
      input.type = shown ? "text" : "password";
      button.textContent = shown ? "Hide" : "Show";
      button.setAttribute("aria-pressed", String(shown));
      button.setAttribute("aria-label", shown ? "Hide password" : "Show password");
    };
    show(false);
    button.addEventListener("click", () => show(input.type === "password"));
    input.form?.addEventListener("submit", () => show(false));
    box.append(button);
  }
}
