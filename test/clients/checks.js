// Counts what held, and listens to streams.

/** How long a thing that must follow from another may take. It bounds a failure; it says nothing about speed. */
const patience = 60_000; // milliseconds
/** How long a stream that may not have started yet is listened to before it is given another post. */
const probeEvery = 1_000; // milliseconds

/** Returns an environment variable that the caller must set. */
export function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}`);
  return value;
}

/** Runs checks and prints the closing line by which the tests know the outcome. */
export class Checks {
  passed = 0;
  failed = 0;

  /** Runs one check and returns what it returned, or undefined when it failed. */
  async run(name, check) {
    try {
      const result = await check();
      this.passed++;
      console.log(`ok ${name}`);
      return result;
    } catch (error) {
      this.failed++;
      console.log(`not ok ${name}\n${error?.stack ?? error}`);
      return undefined;
    }
  }

  /** Runs a group of checks; what it throws between its checks is one failed check. */
  async guard(name, group) {
    try {
      await group();
    } catch (error) {
      await this.run(name, () => Promise.reject(error));
    }
  }

  finish() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    process.exit(this.failed || !this.passed ? 1 : 0);
  }
}

/** Returns what look gives as soon as that is not false; some things follow from others a moment later. */
export async function eventually(look, limit = patience) {
  for (const deadline = Date.now() + limit; ; await new Promise((next) => setTimeout(next, 50))) {
    const found = await look();
    if (found) return found;
    if (Date.now() >= deadline) throw new Error(`never so: ${look}`);
  }
}

/** Collects the events of one subscription from the moment it is made. */
export class Listening {
  past = [];
  #wake = () => {};
  #failure;

  constructor(subscription) {
    this.#collect(subscription).catch((error) => {
      this.#failure = error;
      this.#wake();
    });
  }

  async #collect(subscription) {
    for await (const event of subscription) {
      this.past.push(event);
      this.#wake();
    }
  }

  /** Returns the payload of the first event of this kind that fits, past or to come. */
  async wait(kind, fits, limit = patience) {
    const deadline = Date.now() + limit;
    for (;;) {
      const found = this.past.find(({ event, payload }) => event === kind && fits(payload));
      if (found) return found.payload;
      if (this.#failure) throw this.#failure;
      if (Date.now() >= deadline) throw new Error(`waited in vain for ${kind}; saw ${this.past.map(({ event }) => event).join(', ') || 'nothing'}`);
      await this.#next(deadline - Date.now());
    }
  }

  #next(limit) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limit);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Causes events by probe until the first one is heard. */
  async started(probe) {
    const deadline = Date.now() + patience;
    while (this.past.length === 0) {
      if (Date.now() > deadline) throw new Error('the stream never started');
      await probe();
      await this.wait('update', () => true, probeEvery).catch((error) => {
        if (this.#failure) throw error;
      });
    }
  }
}
