import { describe, expect, it } from "vitest";
import { learningInWords, timeLeftInWords } from "../src/learning-words.js";

describe("the words for a training", () => {
  it("follow what the model does", () => {
    const now = { step: 300, isFinished: false, accuracy: 0.34, meanCount: 0 };
    expect(learningInWords({ ...now, step: 0 })).toMatch(/knows nothing yet/);
    expect(learningInWords({ ...now, meanCount: 2.8 })).toMatch(/several share one object/);
    expect(learningInWords(now)).toMatch(/nothing is there/);
    expect(learningInWords({ ...now, accuracy: 0.6, meanCount: 0.8 })).toMatch(/Two objects are one to it/);
    expect(learningInWords({ ...now, accuracy: 0.8, meanCount: 0.9 })).toMatch(/A window for each object/);
    expect(learningInWords({ ...now, accuracy: 0.96, meanCount: 1 })).toMatch(/^It counts/);
    expect(learningInWords({ ...now, accuracy: undefined, meanCount: 1 })).toMatch(/Two objects are one to it/);
    expect(learningInWords({ ...now, accuracy: undefined, isFinished: true })).toMatch(
      /^Done\. Your images have no counts/,
    );
    expect(learningInWords({ ...now, isFinished: true, accuracy: 0.984 })).toMatch(/^Done\. It counts 98\s% /);
  });

  it("say how long it takes", () => {
    expect([0, 59.4, 60, 3599].map(timeLeftInWords)).toEqual([
      "0 s left",
      "59 s left",
      "1:00 min left",
      "59:59 min left",
    ]);
  });
});
