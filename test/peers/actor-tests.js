// Runs the actor tests of activitypub-testing against ACTOR (an actor's address) and counts their outcomes.
// Where the actor lacks what a test is about, or a test cannot tell, the outcome counts as skipped.
import { ActorUrlTestRun } from 'activitypub-testing/test-actor';

const actor = process.env.ACTOR ?? process.argv[2];
if (!actor) throw new Error('set ACTOR to the address of an actor');

const counts = { passed: 0, failed: 0, skipped: 0 };
const quiet = Object.assign(Object.create(console), { debug() {}, log: console.warn });
for await (const { test, result } of new ActorUrlTestRun(new URL(actor), { console: quiet })) {
  const counted = result.outcome in counts ? result.outcome : 'skipped';
  counts[counted]++;
  console.log(`${result.outcome}: ${test.slug ?? test.name}${result.info ? ` (${result.info})` : ''}`);
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
