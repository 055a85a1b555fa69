import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DataError } from "../../src/errors.js";
import { readCounts } from "../../src/files/counts-file.js";

let folder: string;
const said: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-counts-"));
  said.length = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function read(content: string | Uint8Array, names = ["a.png", "b.png", "c.png"]): Promise<unknown> {
  const path = join(folder, "counts.csv");
  await writeFile(path, content);
  return Object.fromEntries(await readCounts(path, names, (line) => void said.push(line)));
}

describe("counts.csv", () => {
  it("is read no further than there are images, however long it is", async () => {
    await expect(read(`${"a.png,?\n".repeat(100_000)}`)).rejects.toThrow(/there are only 3 images in the folder/);
    await expect(read(`a.png,1\n${"b".repeat(70_000)},1\n`)).rejects.toThrow(DataError);
    expect(await read("file,count\na.png,1\nb.png,2\nc.png,0\n\n\n\n")).toEqual({ "a.png": 1, "b.png": 2, "c.png": 0 });
  });

  it.each<[string, string | Uint8Array]>([
    ["plain lines", "a.png,1\nb.png,2\nc.png,0\n"],
    ["spaces and empty lines", "\na.png, 1 \n\n b.png ,2\nc.png,0"],
    ["a header", "file,count\na.png,1\nb.png,2\nc.png,0\n"],
    ["another header, with the columns turned round", "n_obj,filename\n1,a.png\n2,b.png\n0,c.png\n"],
    ["a header that only the content explains", "Tile,Colonies\na.png,1\nb.png,2\nc.png,0\n"],
    ["a byte-order mark and CRLF, as Excel writes", "\ufefffile,count\r\na.png,1\r\nb.png,2\r\nc.png,0\r\n"],
    ["a byte-order mark and no header", "\ufeffa.png,1\nb.png,2\nc.png,0\n"],
    ["semicolons, as Excel writes where a comma divides decimals", "file;count\r\na.png;1\r\nb.png;2\r\nc.png;0\r\n"],
    [
      "tabs in UTF-16, as Excel's Unicode text",
      Buffer.from("\ufefffile\tcount\r\na.png\t1\r\nb.png\t2\r\nc.png\t0\r\n", "utf16le"),
    ],
    ["quotes, as R writes", '"file","count"\n"a.png",1\n"b.png",2\n"c.png",0\n'],
    ["quotes and row names, as R's write.csv", '"","file","count"\n"1","a.png",1\n"2","b.png",2\n"3","c.png",0\n'],
    ["an index and decimals, as pandas writes", ",file,count\n0,a.png,1.0\n1,b.png,2.0\n2,c.png,0.0\n"],
    ["an index without a header", "0,a.png,1\n1,b.png,2\n2,c.png,0\n"],
    ["other columns", "file,area,count,note\na.png,3.5,1,ok\nb.png,9,2,\nc.png,1,0,\n"],
  ])("may have %s", async (_, content) => {
    expect(await read(content)).toEqual({ "a.png": 1, "b.png": 2, "c.png": 0 });
    expect(said).toEqual([]);
  });

  it("may be empty, or leave out counts in the ways of R, pandas and SQL", async () => {
    expect(await read("")).toEqual({});
    expect(await read("file,count\n")).toEqual({});
    expect(await read("file,count\na.png,NA\nb.png,\nc.png,3\n")).toEqual({ "c.png": 3 });
    expect(await read("file,count\na.png,NaN\nb.png,null\nc.png,3\n")).toEqual({ "c.png": 3 });
  });

  it("may name files with commas in quotes, and with letters of Windows-1252", async () => {
    expect(await read('"a,b.png",2\n', ["a,b.png"])).toEqual({ "a,b.png": 2 });
    expect(await read(Buffer.from("h\xfcbsch.png,2\n", "latin1"), ["hübsch.png"])).toEqual({ "hübsch.png": 2 });
  });

  it.each([
    ["Unicode's normal form", "u\u0308.png", "\u00fc.png"],
    ["letter case", "A.PNG", "a.png"],
    ["the folders before them", "C:\\plates\\a.png", "a.png"],
    ["folders and case", "plates/A.png", "a.png"],
  ])("may have names that differ in %s, and says so", async (_, written, image) => {
    expect(await read(`${written},2\n`, [image])).toEqual({ [image]: 2 });
    expect(said).toEqual([expect.stringContaining(`1 names are not quite those of the images, such as ${written}`)]);
  });

  it("means the very same name first", async () => {
    expect(await read("A.png,1\na.png,2\n", ["A.png", "a.png"])).toEqual({ "A.png": 1, "a.png": 2 });
    expect(said).toEqual([]);
  });

  it.each<[string, string, RegExp]>([
    ["a name that may be any of two", "x/A.PNG,1\n", /line 1: x\/A\.PNG may be any of A\.png, a\.png/],
    ["no such image", "a.png,1\nz.png,1\n", /line 2: there is no image z\.png in the folder/],
    ["two counts of one image", "a.png,1\na.png,1\n", /line 2: a\.png has a count already/],
    ["half an object", "a.png,1.5\n", /line 1: "1\.5" is no number of objects/],
    ["less than nothing", "a.png,-1\n", /line 1: "-1" is no number of objects/],
    ["too many objects", "a.png,256\n", /256 objects are too many/],
    ["a line without a count", "a.png,1\nA.png\n", /line 2: "A\.png" is not of the form file,count/],
    ["heads that say nothing", "x,y,z\na.png,1,2\n", /its columns are x, y, z: call the column of names file/],
    ["quotes that do not end", '"a.png,1\n', /is not a CSV file: /],
  ])("with %s is refused", async (_, content, message) => {
    const reading = read(content, ["A.png", "a.png"]);
    await expect(reading).rejects.toThrow(DataError);
    await expect(reading).rejects.toThrow(message);
  });
});
