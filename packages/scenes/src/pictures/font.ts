/** A bitmap font, 5 pixels wide and 7 high (9 with descenders), for the labels of pictures. */

/** Width of a glyph, pixels. */
export const GLYPH_WIDTH = 5;
/** Height from the top of the tall letters to the baseline, pixels. */
export const GLYPH_HEIGHT = 7;
/** Distance from one glyph's left edge to the next one's, pixels. */
export const GLYPH_ADVANCE = 6;

/** Lists of characters, each with its glyphs side by side. Letters are in lower case, as in the labels. */
const sheets: readonly (readonly [string, string])[] = [
  [
    "01234",
    `
    .###. ..#.. .###. ##### ...#.
    #...# .##.. #...# ...#. ..##.
    #..## ..#.. ....# ..#.. .#.#.
    #.#.# ..#.. ...#. ...#. #..#.
    ##..# ..#.. ..#.. ....# #####
    #...# ..#.. .#... #...# ...#.
    .###. .###. ##### .###. ...#.`,
  ],
  [
    "56789",
    `
    ##### ..##. ##### .###. .###.
    #.... .#... ....# #...# #...#
    ####. #.... ...#. #...# #...#
    ....# ####. ..#.. .###. .####
    ....# #...# .#... #...# ....#
    #...# #...# .#... #...# ...#.
    .###. .###. .#... .###. .##..`,
  ],
  [
    "abcde",
    `
    ..... #.... ..... ....# .....
    ..... #.... ..... ....# .....
    .###. #.##. .###. .##.# .###.
    ....# ##..# #.... #..## #...#
    .#### #...# #.... #...# #####
    #...# #...# #...# #...# #....
    .#### ####. .###. .#### .###.`,
  ],
  [
    "fghij",
    `
    ..##. ..... #.... ..#.. ...#.
    .#..# ..... #.... ..... .....
    .#... .#### #.##. .##.. ..##.
    ###.. #...# ##..# ..#.. ...#.
    .#... #...# #...# ..#.. ...#.
    .#... #..## #...# ..#.. ...#.
    .#... .##.# #...# .###. ...#.
    ..... ....# ..... ..... #..#.
    ..... .###. ..... ..... .##..`,
  ],
  [
    "klmno",
    `
    #.... .##.. ..... ..... .....
    #.... ..#.. ..... ..... .....
    #..#. ..#.. ##.#. #.##. .###.
    #.#.. ..#.. #.#.# ##..# #...#
    ##... ..#.. #.#.# #...# #...#
    #.#.. ..#.. #.#.# #...# #...#
    #..#. .###. #.#.# #...# .###.`,
  ],
  [
    "pqrst",
    `
    ..... ..... ..... ..... .#...
    ..... ..... ..... ..... .#...
    ####. .##.# #.##. .###. ###..
    #...# #..## ##..# #.... .#...
    #...# #...# #.... .###. .#...
    ##..# #..## #.... ....# .#..#
    #.##. .##.# #.... ####. ..##.
    #.... ....# ..... ..... .....
    #.... ....# ..... ..... .....`,
  ],
  [
    "uvwxy",
    `
    ..... ..... ..... ..... .....
    ..... ..... ..... ..... .....
    #...# #...# #...# #...# #...#
    #...# #...# #...# .#.#. #...#
    #...# #...# #.#.# ..#.. #...#
    #..## .#.#. #.#.# .#.#. #..##
    .##.# ..#.. .#.#. #...# .##.#
    ..... ..... ..... ..... ....#
    ..... ..... ..... ..... .###.`,
  ],
  [
    "z().- ",
    `
    ..... ...#. .#... ..... ..... .....
    ..... ..#.. ..#.. ..... ..... .....
    ##### .#... ...#. ..... ..... .....
    ...#. .#... ...#. ..... ##### .....
    ..#.. .#... ...#. ..... ..... .....
    .#... ..#.. ..#.. .##.. ..... .....
    ##### ...#. .#... .##.. ..... .....`,
  ],
];

const glyphs = new Map<string, readonly string[]>();
for (const [characters, block] of sheets) {
  const rows = block
    .trim()
    .split("\n")
    .map((row) => row.trim().split(" "));
  [...characters].forEach((character, column) => {
    glyphs.set(
      character,
      rows.map((row) => row[column]!),
    );
  });
}

/**
 * Returns the rows of a character's glyph, `#` where there is ink. Upper case is drawn as lower case.
 *
 * @throws {RangeError} for a character that the font does not have.
 */
export function glyph(character: string): readonly string[] {
  const rows = glyphs.get(character.toLowerCase());
  if (rows === undefined) throw new RangeError(`The picture font has no character "${character}"`);
  return rows;
}
