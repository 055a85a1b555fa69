import { expect, it } from "vitest";
import { csvHead, csvRow } from "../src/csv.js";

it("quotes as RFC 4180 says", () => {
  expect(csvRow(["plain", 1.5, true, undefined, 'a "b", c', "two\nlines"])).toBe(
    'plain,1.5,true,,"a ""b"", c","two\nlines"\r\n',
  );
});

it("keeps names from being formulas, and numbers numbers", () => {
  expect(csvRow(['=HYPERLINK("http://x","y").png', "+1.png", "-1.png", "@a.png", "\tx.png", -0.5])).toBe(
    `"'=HYPERLINK(""http://x"",""y"").png",'+1.png,'-1.png,'@a.png,'\tx.png,-0.5\r\n`,
  );
});

it("begins with a byte-order mark where names are not ASCII", () => {
  expect(csvHead(["file", "count"], ["a.png"])).toBe("file,count\r\n");
  expect(csvHead(["file", "count"], ["a.png", "Zählung.png"])).toBe("\ufefffile,count\r\n");
});
