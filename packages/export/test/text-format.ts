/** Reads the text format of protocol buffers, as far as config.pbtxt uses it: fields in order, with their values. */

/** A value: a message, a string, a number, a boolean, or the name of an enumeration's value. */
export type TextValue = TextMessage | string | number | boolean;
/** The fields of a message, in the order in which they are written; a list is as many fields. */
export type TextMessage = readonly { readonly name: string; readonly value: TextValue }[];

const TOKEN = /\s*(?:#[^\n]*\n\s*)*("(?:[^"\\\n])*"|[\w.+-]+|[[\]{}:,])/y;

/** @throws {SyntaxError} for text that is not of this format */
export function parseTextFormat(text: string): TextMessage {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  const trimmed = text.trimEnd();
  while (TOKEN.lastIndex < trimmed.length) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(trimmed);
    if (!match) throw new SyntaxError(`at ${JSON.stringify(trimmed.slice(from, from + 20))}`);
    tokens.push(match[1]!);
  }
  const message = fields(tokens, undefined);
  if (tokens.length > 0) throw new SyntaxError(`"${tokens[0]}" is left`);
  return message;
}

/** Takes fields from the tokens until `end`. */
function fields(tokens: string[], end: string | undefined): TextMessage {
  const message: { name: string; value: TextValue }[] = [];
  while (tokens.length > 0 && tokens[0] !== end) {
    const name = tokens.shift()!;
    if (!/^[a-z_]\w*$/.test(name)) throw new SyntaxError(`"${name}" is no field's name`);
    const hasColon = tokens[0] === ":";
    if (hasColon) tokens.shift();
    if (tokens[0] === "[") {
      tokens.shift();
      for (let isFirst = true; !skips(tokens, "]"); isFirst = false) {
        if (!isFirst && !skips(tokens, ",")) throw new SyntaxError(`"${tokens[0]}" in a list`);
        message.push({ name, value: takeValue(tokens, hasColon) });
      }
    } else message.push({ name, value: takeValue(tokens, hasColon) });
  }
  if (end !== undefined && tokens.shift() !== end) throw new SyntaxError(`${end} is missing`);
  return message;
}

/** Takes a token if it is the next. */
function skips(tokens: string[], token: string): boolean {
  if (tokens[0] !== token) return false;
  tokens.shift();
  return true;
}

/** Only before a message the colon may be left out. */
function takeValue(tokens: string[], hasColon: boolean): TextValue {
  const token = tokens.shift();
  if (token === "{") return fields(tokens, "}");
  if (token === undefined || !hasColon) throw new SyntaxError(`a colon is missing before "${token}"`);
  if (token.startsWith('"')) return token.slice(1, -1);
  if (token === "true" || token === "false") return token === "true";
  return /^[A-Z]/.test(token) ? token : Number(token);
}
