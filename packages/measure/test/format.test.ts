import { describe, expect, it } from "vitest";
import { count, duration, inUnit, markdownTable, percent, plain, unitSymbol, withoutUnit } from "../src/format.js";

describe("a number", () => {
  it("is written with its unit, with the unit's number of digits or the one asked for", () => {
    expect(inUnit(615.2, "nats")).toBe("615.20 nats");
    expect(inUnit(0.974, "share")).toBe("97.40 %");
    expect(inUnit(10_000, "count")).toBe("10,000");
    expect(inUnit(0.65709, "IoU")).toBe("0.657");
    expect(inUnit(0.65709, "number", 1)).toBe("0.7");
    expect(percent(0.974)).toBe("97.4 %");
    expect(withoutUnit(0.974, "share")).toBe("97.40");
    expect([unitSymbol("share"), unitSymbol("IoU")]).toEqual(["%", ""]);
  });

  it("is plain where its unit is not known", () => {
    expect([plain(1234.56789), plain(0.00123456789, 2), count(1234)]).toEqual(["1,234.57", "0.0012", "1,234"]);
  });
});

it.each([
  [-1, "0.0 s"],
  [4.23, "4.2 s"],
  [59.9, "1:00 min"],
  [187, "3:07 min"],
  [3787, "1:03:07 h"],
])("%d seconds are %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

describe("a table of Markdown", () => {
  it("is padded, text to the left and numbers to the right", () => {
    expect(
      markdownTable({
        head: ["measure", "value"],
        rows: [
          ["ELBO", "1"],
          ["KL of where", "1,234.5"],
        ],
      }),
    ).toBe(
      [
        "| measure     |   value |",
        "| ----------- | ------: |",
        "| ELBO        |       1 |",
        "| KL of where | 1,234.5 |",
      ].join("\n"),
    );
  });

  it("does not pad text in the last column, and has a rule that is long enough", () => {
    const table = markdownTable({
      head: ["n", "status"],
      rows: [["1", "failed, at great length"]],
      textColumns: [0, 1],
    });
    expect(table).toBe(["| n   | status |", "| --- | ------ |", "| 1   | failed, at great length |"].join("\n"));
  });

  it("escapes characters that would end a cell or a row", () => {
    const table = markdownTable({ head: ["a|b", "c"], rows: [["x\r\n  y", "|"]] });
    expect(table.split("\n")).toEqual(["| a\\|b |   c |", "| ---- | --: |", "| x y  |  \\| |"]);
  });

  it("refuses a row of another length", () => {
    expect(() => markdownTable({ head: ["a", "b"], rows: [["1"]] })).toThrow("a row of 1 cells");
  });
});
