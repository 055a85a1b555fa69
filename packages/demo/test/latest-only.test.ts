import { describe, expect, it } from "vitest";
import { LatestOnly } from "../src/latest-only.js";
import { median, PaceMeter } from "../src/pace.js";

describe("LatestOnly", () => {
  /** Work that ends when the test ends it. */
  function steered() {
    const done: number[] = [];
    const ends: (() => void)[] = [];
    const errors: unknown[] = [];
    const work = new LatestOnly<number>(async (input) => {
      done.push(input);
      await new Promise<void>((resolve) => ends.push(resolve));
      if (input < 0) throw new Error(`no ${input}`);
    }, errors.push.bind(errors));
    return { work, done, errors, end: () => ends.shift()!() };
  }
  const settle = () => new Promise((resolve) => setImmediate(resolve));

  it("works on the first input and then on the newest, and on none in between", async () => {
    const { work, done, end } = steered();
    for (const input of [1, 2, 3, 4]) work.submit(input);
    expect(done).toEqual([1]);
    end();
    await settle();
    expect(done).toEqual([1, 4]);
    end();
    await work.idle();
    expect(done).toEqual([1, 4]);
  });

  it("starts again after a rest", async () => {
    const { work, done, end } = steered();
    work.submit(1);
    end();
    await work.idle();
    work.submit(2);
    expect(done).toEqual([1, 2]);
    end();
    await work.idle();
  });

  it("when cancelled drops the waiting input, not the running work", async () => {
    const { work, done, end } = steered();
    work.submit(1);
    work.submit(2);
    work.cancel();
    end();
    await work.idle();
    expect(done).toEqual([1]);
  });

  it("reports errors and goes on", async () => {
    const { work, done, errors, end } = steered();
    work.submit(-1);
    work.submit(2);
    end();
    await settle();
    expect(errors).toEqual([new Error("no -1")]);
    expect(done).toEqual([-1, 2]);
    end();
    await work.idle();
  });
});

describe("PaceMeter", () => {
  it("gives the median duration and the frames of the last second", () => {
    const pace = new PaceMeter();
    expect(pace.read(0)).toBeUndefined();
    for (let i = 0; i < 30; i++) pace.add(i * 100, i * 100 + (i === 7 ? 90 : 12));
    expect(pace.read(2912)).toEqual({ milliseconds: 12, framesPerSecond: 10 });
    expect(pace.read(9000)).toEqual({ milliseconds: 12, framesPerSecond: 0 });
    pace.clear();
    expect(pace.read(9000)).toBeUndefined();
  });

  it("takes the mean of the middle two of an even number", () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });
});
