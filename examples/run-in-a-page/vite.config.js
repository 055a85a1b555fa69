import { fileURLToPath } from "node:url";

export default {
  base: "./", // The built page works in any folder of a server.
  publicDir: fileURLToPath(new URL("../../models", import.meta.url)), // Served, and copied, as it is.
  build: { target: "esnext" }, // For `await` outside of functions.
};
