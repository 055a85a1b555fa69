#!/usr/bin/env node
// Not the built file itself: npm links commands when it installs, and in a checkout nothing is built by then.
import "../dist/bin.js";
