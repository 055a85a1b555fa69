// Finds a Chromium for the browser tests. As a script of its own it prints where Chromium is, or how to get one.
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Names of its executable on the PATH. */
const commands = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"];
/** Other places where installers put it. */
const places = {
  darwin: [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
  ],
  win32: ["PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"].flatMap((base) =>
    [
      "Google/Chrome/Application/chrome.exe",
      "Chromium/Application/chrome.exe",
      "Microsoft/Edge/Application/msedge.exe",
    ].map((path) => join(process.env[base] ?? "C:/", path)),
  ),
};

export const howToGetOne =
  "Install Chromium (Debian, Ubuntu: apt-get install chromium; macOS: brew install --cask chromium; Windows: winget install Google.Chrome), or name one in AIR_ONNX_CHROMIUM";

export function findChromium() {
  const named = process.env.AIR_ONNX_CHROMIUM;
  if (named) {
    if (!existsSync(named)) throw new Error(`AIR_ONNX_CHROMIUM is ${named}, which does not exist`);
    return named;
  }
  const onPath = (process.env.PATH ?? "")
    .split(delimiter)
    .flatMap((folder) => commands.map((name) => join(folder, name)));
  return [...onPath, ...(places[process.platform] ?? [])].find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = findChromium();
  console.log(found ?? `No Chromium found. ${howToGetOne}.`);
  process.exitCode = found ? 0 : 1;
}
