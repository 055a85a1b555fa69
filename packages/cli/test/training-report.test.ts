import { type AlertKind, collapseAlerts } from "@air-onnx/train/runs";
import { describe, expect, it } from "vitest";
import type { Progress } from "../src/progress.js";
import { nextLines, showTraining } from "../src/training-report.js";

const alertOf = (alert: AlertKind) => ({ step: 2000, kind: "alert", alert, message: "All is one. Try two." }) as const;

describe("alerts in training", () => {
  it("are lines that stay", () => {
    const lines: string[] = [];
    const progress: Progress = { update() {}, line: (text) => lines.push(text), [Symbol.dispose]() {} };
    const { kind, ...alert } = alertOf("one-count");
    showTraining(progress)({ type: kind, ...alert });
    expect(lines).toEqual(["Alert: All is one. Try two."]);
  });

  it("change what comes next if the run does not count", () => {
    for (const alert of collapseAlerts) {
      expect(nextLines("runs/a", { alerts: [alertOf(alert)] }, collapseAlerts, "air-onnx")).toEqual([
        expect.stringContaining("has not learned to count"),
        "To export it all the same: air-onnx export runs/a --force",
      ]);
    }
    const next = [
      "Next: npx air-onnx export 'runs/my plates'",
      "To train it further: npx air-onnx train --resume 'runs/my plates' --extend STEPS",
    ];
    const lines = (alerts: Parameters<typeof nextLines>[1]["alerts"]) =>
      nextLines("runs/my plates", { alerts }, collapseAlerts, "npx air-onnx");
    expect(lines([])).toEqual(next);
    expect(lines([alertOf("overfitting")])).toEqual(next);
  });
});
