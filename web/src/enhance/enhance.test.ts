// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from "vitest";
import { decodeBlurhash } from "./blurhash";
import { enableCopy } from "./copy";
import { guardForms } from "./forms";
import { revealPasswords } from "./password";
import { relative } from "./times";
import { toggleAllWarnings } from "./warnings";

const find = <T extends Element>(selector: string): T => {
  const el = document.querySelector<T>(selector);
  if (!el) throw new Error(`no ${selector}`);
  return el;
};

beforeEach(() => {
  document.body.innerHTML = "";
});

describe("relative times", () => {
  const now = new Date("2026-11-23T12:00:00Z");
  it.each([
    ["2026-11-23T11:59:40Z", "now"],
    ["2026-11-23T11:55:00Z", expect.stringMatching(/^5 ?m(in)?\.? ago$/)],
    ["2026-11-23T09:00:00Z", expect.stringMatching(/^3 ?hr?\.? ago$/)],
    ["2026-11-22T11:00:00Z", "yesterday"],
    ["2026-11-23T14:00:00Z", expect.stringMatching(/^in 2 ?hr?\.?$/)],
    ["2026-11-01T12:00:00Z", undefined],
    ["nonsense", undefined],
  ])("%s reads %s", (then, want) => {
    expect(relative(new Date(then), now, "en")).toEqual(want);
  });
});

describe("content warnings", () => {
  it("opens and closes all at once", () => {
    document.body.innerHTML = `<button data-cw-all hidden></button><details data-cw></details><details data-cw open></details>`;
    toggleAllWarnings(document);
    const button = find<HTMLButtonElement>("button");
    expect(button.hidden).toBe(false);
    button.click();
    expect(document.querySelectorAll("details[open]")).toHaveLength(2);
    expect(button.textContent).toBe("Hide all content warnings");
    button.click();
    expect(document.querySelectorAll("details[open]")).toHaveLength(0);
  });

  it("leaves a single warning alone", () => {
    document.body.innerHTML = `<button data-cw-all hidden></button><details data-cw></details>`;
    toggleAllWarnings(document);
    expect(find<HTMLButtonElement>("button").hidden).toBe(true);
  });
});

describe("passwords", () => {
  it("are shown on demand and hidden again when sent", () => {
    document.body.innerHTML = `<form><div data-password><input id="p" type="password"></div></form>`;
    revealPasswords(document);
    const input = find<HTMLInputElement>("input");
    find<HTMLButtonElement>(".reveal").click();
    expect(input.type).toBe("text");
    find("form").dispatchEvent(new Event("submit"));
    expect(input.type).toBe("password");
  });
});

describe("forms", () => {
  it("are sent once, and again after coming back", () => {
    document.body.innerHTML = `<form data-once><button type="submit" name="decision" value="allow"></button></form>`;
    guardForms(document);
    const send = (): boolean => find("form").dispatchEvent(new Event("submit", { cancelable: true }));
    expect(send()).toBe(true);
    expect(send()).toBe(false);
    expect(find<HTMLButtonElement>("button").disabled).toBe(false);
    window.dispatchEvent(new Event("pageshow"));
    expect(send()).toBe(true);
  });
});

describe("copying", () => {
  it("stays hidden without a clipboard and copies with one", () => {
    document.body.innerHTML = `<button data-copy="@ann@gomph.example" hidden></button>`;
    enableCopy(document);
    expect(find<HTMLButtonElement>("button").hidden).toBe(true);
    const writeText = vi.fn(() => Promise.resolve());
    Object.defineProperty(navigator, "clipboard", { value: { writeText }, configurable: true });
    enableCopy(document);
    find<HTMLButtonElement>("button").click();
    expect(writeText).toHaveBeenCalledWith("@ann@gomph.example");
  });
});

describe("blurhash", () => {
  it("of one colour is that colour", () => {
    // Size 0 (one wave), scale 0, then the colour #ff8000 in base 83.
    const pixels = decodeBlurhash("00" + encode(0xff8000), 2, 2);
    expect([...(pixels ?? [])].slice(0, 4)).toEqual([255, 128, 0, 255]);
  });

  it("gets darker where its wave goes down", () => {
    const pixels = decodeBlurhash("LEHV6nWB2yk8pyo0adR*.7kCMdnj", 8, 8);
    expect(pixels).toHaveLength(256);
    expect(new Set(pixels).size).toBeGreaterThan(10);
  });

  it.each(["", "0", "L", "LEHV6nWB2yk8pyo0adR*.7kCMdn", "LEHV6nWB2yk8pyo0adR*.7kCMdn\\", "~~~~~~~~", "é".repeat(28)])(
    "refuses %j",
    (hash) => expect(decodeBlurhash(hash, 4, 4)).toBeUndefined(),
  );
});

function encode(value: number): string {
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";
  let text = "";
  for (let i = 0; i < 4; i++) {
    text = digits.charAt(value % 83) + text;
    value = Math.floor(value / 83);
  }
  return text;
}
