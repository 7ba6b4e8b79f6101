// One durable function for each kind of operation, with AWS's JavaScript SDK.
// ../python/programs.py and ../golang are the same programs with other SDKs:
// ../programs_test.py expects the same result and the same history of each.

import { existsSync, writeFileSync } from "node:fs";
import {
  BatchItemStatus,
  StepSemantics,
  withDurableExecution,
  withRetry,
} from "@aws/durable-execution-sdk-js";

const once = { retryStrategy: () => ({ shouldRetry: false }) };

/** Retries after a second, up to so many attempts. */
const attempts = (most) => (error, attempt) => ({ shouldRetry: attempt < most, delay: { seconds: 1 } });

class CardDeclined extends Error {
  constructor(message) {
    super(message);
    this.name = "CardDeclined";
  }
}

/** What of an error every SDK tells its user. */
const told = (error) => error.message;

export const step = withDurableExecution(async (event, context) => {
  const greeting = await context.step("greet", async () => `Hello ${event.name}`);
  const loud = await context.step("shout", async () => greeting.toUpperCase());
  return { greeting: loud };
});

export const step_retry = withDurableExecution(async (event, context) => {
  const attempt = await context.step(
    "flaky",
    async ({ attempt }) => {
      if (attempt < 3) throw new Error(`attempt ${attempt} failed`);
      return attempt;
    },
    { retryStrategy: attempts(5) },
  );
  return { attempt };
});

export const step_failure = withDurableExecution(async (event, context) => {
  const charge = async () => {
    throw new CardDeclined("the card was declined");
  };
  if (!event.catch) return context.step("charge", charge, once);
  try {
    return await context.step("charge", charge, once);
  } catch (error) {
    return { caught: told(error) };
  }
});

/** Dies in the middle of its step, the first time. */
const dieOnce = (marker) => {
  if (existsSync(marker)) return;
  writeFileSync(marker, "");
  process.exit(3);
};

export const at_least_once = withDurableExecution(async (event, context) => {
  const attempt = await context.step("fragile", async ({ attempt }) => {
    dieOnce(event.marker);
    return attempt;
  });
  return { attempt };
});

export const at_most_once = withDurableExecution(async (event, context) => {
  const attempt = await context.step(
    "fragile",
    async ({ attempt }) => {
      dieOnce(event.marker);
      return attempt;
    },
    { semantics: StepSemantics.AtMostOncePerRetry, retryStrategy: attempts(3) },
  );
  return { attempt };
});

export const wait = withDurableExecution(async (event, context) => {
  const before = await context.step("before", async () => Date.now());
  await context.wait("nap", { seconds: 1 });
  const after = await context.step("after", async () => Date.now());
  return { slept: after - before >= 1000 };
});

export const child = withDurableExecution(async (event, context) => {
  const order = await context.runInChildContext("order", async (inner) => {
    const reserved = await inner.step("reserve", async () => "R-1");
    await inner.wait("packing", { seconds: 1 });
    return inner.step("ship", async () => `${reserved} shipped`);
  });
  let refused;
  try {
    await context.runInChildContext("doomed", async (inner) =>
      inner.step(
        "refuse",
        async () => {
          throw new Error("out of stock");
        },
        once,
      ),
    );
  } catch (error) {
    refused = told(error);
  }
  return { order, refused };
});

export const map = withDurableExecution(async (event, context) => {
  const batch = await context.map(
    "double",
    event.numbers,
    async (item, number) =>
      item.step(
        "compute",
        async () => {
          if (number < 0) throw new Error(`${number} is negative`);
          return number * 2;
        },
        once,
      ),
    { maxConcurrency: 1, completionConfig: { toleratedFailureCount: 1 }, itemNamer: (number, i) => `number-${i}` },
  );
  return { doubled: batch.getResults(), failed: batch.failureCount };
});

export const parallel = withDurableExecution(async (event, context) => {
  const batch = await context.parallel("both", [
    { name: "quick", func: async (branch) => branch.step("left", async () => "L") },
    {
      name: "slow",
      func: async (branch) => {
        await branch.wait("pause", { seconds: 2 });
        return branch.step("right", async () => "R");
      },
    },
  ]);
  return { results: batch.getResults(), all: batch.status === BatchItemStatus.SUCCEEDED };
});

export const callback = withDurableExecution(async (event, context) => {
  const [answer, id] = await context.createCallback("approval", { timeout: { seconds: 600 } });
  const asked = await context.step("ask", async () => id.length > 0);
  try {
    return { asked, answer: JSON.parse(await answer) };
  } catch (error) {
    return { asked, refused: told(error) };
  }
});

export const wait_for_callback = withDurableExecution(async (event, context) => {
  try {
    const answer = await context.waitForCallback(
      "approval",
      async () => {
        if (event.submitter === "fails") throw new Error("nobody to ask");
      },
      {
        timeout: { seconds: event.timeout ?? 600 },
        ...(event.heartbeat ? { heartbeatTimeout: { seconds: event.heartbeat } } : {}),
        ...once,
      },
    );
    return { answer: JSON.parse(answer) };
  } catch (error) {
    return { kind: error.constructor.name };
  }
});

export const wait_for_condition = withDurableExecution(async (event, context) =>
  context.waitForCondition("ready", async (state) => ({ polls: state.polls + 1 }), {
    initialState: { polls: 0 },
    waitStrategy: (state) =>
      state.polls < 3 ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false },
  }),
);

export const invoke = withDurableExecution(async (event, context) => {
  try {
    return { result: await context.invoke("call", event.function, event.payload) };
  } catch (error) {
    return { failed: told(error) };
  }
});

/** A child whose result is too large to record is rebuilt from its steps. */
export const large_child = withDurableExecution(async (event, context) => {
  const text = await context.runInChildContext("library", async (inner) => {
    const parts = [];
    for (let i = 0; i < 3; i++) parts.push(await inner.step(`part-${i}`, async () => String(i).repeat(100_000)));
    return parts.join("");
  });
  await context.wait("nap", { seconds: 1 });
  return { length: text.length, ends: text.slice(-3) };
});

/** More state than one invocation's event can hold. */
export const large_state = withDurableExecution(async (event, context) => {
  let sum = 0;
  for (let i = 0; i < event.steps; i++) {
    const part = await context.step(`part-${i}`, async () => String(i % 10).repeat(event.size));
    sum += part.length;
  }
  await context.wait("nap", { seconds: 1 });
  return { sum };
});

export const large_result = withDurableExecution(async (event) => "x".repeat(event.size));

export const logs = withDurableExecution(async (event, context) => {
  context.logger.info(`${event.mark} before the wait`);
  await context.step("speak", async (inner) => inner.logger.info(`${event.mark} in the step`));
  await context.wait("nap", { seconds: 1 });
  context.logger.info(`${event.mark} after the wait`);
  return null;
});

export const failure = withDurableExecution(async () => {
  throw new CardDeclined("no operation at all");
});

export const retried_context = withDurableExecution(async (event, context) =>
  withRetry(
    context,
    "booking",
    async (inner, attempt) => {
      const seat = await inner.step("seat", async () => `seat ${attempt}`);
      if (attempt < 2) throw new Error("taken");
      return { seat };
    },
    { retryStrategy: attempts(3) },
  ),
);

export const combinators = withDurableExecution(async (event, context) => {
  const quick = (name, value) => context.step(name, async () => value);
  const all = await context.promise.all("all", [quick("a", 1), quick("b", 2)]);
  const settled = await context.promise.allSettled("settled", [quick("c", 3)]);
  const any = await context.promise.any("any", [quick("d", 4)]);
  const race = await context.promise.race("race", [quick("e", 5), context.wait("long", { seconds: 2 })]);
  return { all, settled: settled.map((s) => s.status), any, race };
});

/** Passes a list on to the functions of a route, each of which adds its mark. */
export const chain = withDurableExecution(async (event, context) => {
  const mark = await context.step("mark", async () => "javascript");
  const trail = [...event.trail, mark];
  const [next, ...route] = event.route;
  if (next === undefined) return trail;
  return [...(await context.invoke("pass-on", next, { route, trail })), mark];
});

