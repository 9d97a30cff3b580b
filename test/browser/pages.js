// Goes through Gomph's own pages as a person with a real browser: reads, signs up, signs in, and lets an app in. Each page is judged by axe-core,
// must fit a small screen, and must not complain on the console.
// Environment: GOMPH_URL, GOMPH_EMAIL, GOMPH_PASSWORD; GOMPH_PICTURES is a folder for screenshots, CHROMIUM the program.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { Checks, setting } from '../clients/checks.js';

const url = setting('GOMPH_URL').replace(/\/$/, '');
const pictures = setting('GOMPH_PICTURES');
const [email, password] = [setting('GOMPH_EMAIL'), setting('GOMPH_PASSWORD')];
const redirectUri = 'urn:ietf:wg:oauth:2.0:oob';
const checks = new Checks();

/** Serious and critical findings are failures; the rest is taste. */
const failing = ['serious', 'critical'];
const small = { width: 360, height: 740 }; // a phone
const large = { width: 1280, height: 900 };

async function post(path, body, token) {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  assert.equal(answer.status, 200, `POST ${path}: ${answer.status}`);
  return answer.json();
}

/** Opens a tab of a person of its own, which notes what the console and the page complain about. */
async function open(browser) {
  const context = await browser.newContext({ viewport: large });
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(`${message.text()} (${message.location().url})`));
  return { page, complaints };
}

/** Judges the page that is open. */
async function judge(tab, name) {
  const { page, complaints } = tab;
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  await checks.run(`${name}: no serious violation of accessibility`, async () => {
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const bad = violations.filter(({ impact }) => failing.includes(impact));
    assert.deepEqual(bad.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`), []);
  });
  await checks.run(`${name}: fits a phone`, async () => {
    await page.setViewportSize(small);
    const { content, screen } = await page.evaluate(() => ({ content: document.documentElement.scrollWidth, screen: window.innerWidth }));
    await page.screenshot({ path: join(pictures, `${name}-phone.png`) });
    await page.setViewportSize(large);
    assert.ok(content <= screen, `${content} pixels on a screen of ${screen}`);
  });
  await checks.run(`${name}: no complaints`, () => assert.deepEqual(complaints.splice(0), []));
}

async function signUp(browser) {
  const tab = await open(browser);
  await tab.page.goto(url);
  await tab.page.locator('a[href*="/auth/sign_up"]').first().click();
  await judge(tab, 'sign-up');
  await tab.page.locator('input[name*="username"]').fill('newcomer');
  await tab.page.locator('input[type="email"]').fill('newcomer@people.example');
  for (const field of await tab.page.locator('input[type="password"]').all()) await field.fill('a password of a newcomer');
  for (const box of await tab.page.locator('input[type="checkbox"][required]').all()) await box.check();
  await tab.page.locator('form:has(input[type="password"]) button[type="submit"]').first().click();
  await tab.page.waitForURL((address) => !address.pathname.includes('sign_up'));
  await checks.run('sign-up makes an account', async () => {
    const answer = await fetch(`${url}/api/v1/accounts/lookup?acct=newcomer`);
    assert.equal(answer.status, 200);
  });
  await judge(tab, 'after-sign-up');
}

/** Signs in on the way to consent, consents, and returns a token for what the app was given. */
async function consent(browser) {
  const app = await post('/api/v1/apps', { client_name: 'A friendly app', redirect_uris: redirectUri, scopes: 'read write', website: 'https://app.example' });
  const query = new URLSearchParams({ client_id: app.client_id, redirect_uri: redirectUri, response_type: 'code', scope: 'read write' });
  const tab = await open(browser);
  await tab.page.goto(`${url}/oauth/authorize?${query}`);
  await judge(tab, 'sign-in');
  await tab.page.locator('input[type="email"], input[name*="email"]').first().fill(email);
  await tab.page.locator('input[type="password"]').fill(password);
  await tab.page.keyboard.press('Enter');
  await tab.page.getByText('A friendly app').first().waitFor();
  await judge(tab, 'consent');
  await tab.page.locator('form[action*="/oauth/authorize"]:not(:has(input[name="_method"])) button[type="submit"]').first().click();
  await tab.page.waitForURL(/\/oauth\/authorize\/native/);
  await judge(tab, 'code');
  const code = new URL(tab.page.url()).searchParams.get('code');
  await checks.run('the code can be copied from the page', async () => {
    const text = await tab.page.evaluate(() => document.body.innerText + [...document.querySelectorAll('input')].map((field) => field.value).join(' '));
    assert.ok(text.includes(code));
  });
  const token = await post('/oauth/token', {
    grant_type: 'authorization_code', code, client_id: app.client_id, client_secret: app.client_secret, redirect_uri: redirectUri,
  });
  return token.access_token;
}

async function read(browser, token) {
  const status = await post('/api/v1/statuses', { status: 'Seen in a real #browser, with a link to https://example.com:22/path\n\nand a second paragraph.' }, token);
  await post('/api/v1/statuses', { status: 'An answer to it.', in_reply_to_id: status.id }, token);
  await post('/api/v1/statuses', { status: 'Behind a warning.', spoiler_text: 'A warning' }, token);
  const tab = await open(browser);
  const pages = { landing: '/', about: '/about', profile: `/@${status.account.username}`, post: `/@${status.account.username}/${status.id}`, tag: '/tags/browser' };
  for (const [name, path] of Object.entries(pages)) {
    await checks.guard(name, async () => {
      const answer = await tab.page.goto(url + path);
      await checks.run(`${name}: is there`, () => assert.equal(answer.status(), 200));
      if (name !== 'about') await tab.page.getByText('Seen in a real').first().waitFor();
      await judge(tab, name);
    });
  }
  await checks.run('a warning is lifted by a click', async () => {
    await tab.page.goto(`${url}/@${status.account.username}`);
    const hidden = tab.page.getByText('Behind a warning.').first();
    assert.equal(await hidden.isVisible(), false);
    await tab.page.locator('summary').first().click();
    await hidden.waitFor({ state: 'visible' });
  });
}

const sandbox = process.getuid() === 0 ? ['--no-sandbox'] : []; // Chromium has none for root
const browser = await chromium.launch({ executablePath: setting('CHROMIUM'), args: sandbox });
try {
  let token;
  await checks.guard('sign-up', () => signUp(browser));
  await checks.guard('consent', async () => (token = await consent(browser)));
  if (token) await checks.guard('reading', () => read(browser, token));
} finally {
  await browser.close();
}
checks.finish();
