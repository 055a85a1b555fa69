/**
 * Names by which models are asked for besides folders and URLs: those of a hub (`org/name`, with a revision) and those of npm
 * packages. A hub serves the file `FILE` of a model at `ENDPOINT/ORG/NAME/resolve/REVISION/FILE`, as huggingface.co does.
 */
import { ModelFileError, type ModelFileErrorKind, type TriedAddress } from "./errors.js";

/** Options of finding a model by its name. */
export interface HubOptions {
  /**
   * Revision of a model on a hub: a branch, a tag or a commit; `main` by default. Naming one says that the location is the name
   * of a model on a hub, so that no folder of that name is looked for.
   */
  readonly revision?: string | undefined;
  /** Address of the hub, `https://huggingface.co` by default. */
  readonly endpoint?: string | undefined;
  /** Whether nothing is asked of a hub or another server: only folders, packages and downloaded models are used. False by default. */
  readonly localFilesOnly?: boolean | undefined;
}

/** Default of `endpoint`. */
export const HUB_ENDPOINT = "https://huggingface.co";
/** Default of `revision`. */
export const HUB_REVISION = "main";

/** Most characters of a name on a hub, and of a revision. huggingface.co allows 96 for a name. */
const MAX_NAME_LENGTH = 128;
const HUB_NAME = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;
/** Addresses of huggingface.co that begin so are not those of an organisation, and `models/…` is a folder in every example. */
const NO_ORGANISATIONS: readonly string[] = ["models", "datasets", "spaces", "api"];

/** Tells whether a location has the form of a name on a hub, `org/name`. */
export function isHubName(location: string): boolean {
  const [organisation = ""] = location.split("/");
  return HUB_NAME.test(location) && location.length <= MAX_NAME_LENGTH && !NO_ORGANISATIONS.includes(organisation);
}

const PACKAGE_NAME = /^(@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*$/;
/** The limit of npm. */
const MAX_PACKAGE_NAME_LENGTH = 214;

/** Tells whether a location has the form of the name of an npm package, `@scope/name` or `name`. */
export function isPackageName(location: string): boolean {
  return PACKAGE_NAME.test(location) && location.length <= MAX_PACKAGE_NAME_LENGTH;
}

/**
 * Makes the URL of the folder of a model on a hub, with a final slash.
 *
 * @param name `org/name`
 * @throws {RangeError} for a name, a revision or an endpoint that cannot be one
 */
export function hubFolder(name: string, { revision = HUB_REVISION, endpoint = HUB_ENDPOINT }: HubOptions = {}): string {
  if (!isHubName(name)) {
    throw new RangeError(
      `revision is of models on a hub, whose names have the form "org/name", which "${name}" has not`,
    );
  }
  // "." and ".." would be resolved as parts of the path.
  if (typeof revision !== "string" || !/^[^\s\p{Cc}]{1,128}$/u.test(revision) || /^\.{1,2}$/.test(revision)) {
    throw new RangeError(
      `revision must be a branch, tag or commit of at most ${MAX_NAME_LENGTH} characters, got "${revision}"`,
    );
  }
  return `${checkedEndpoint(endpoint)}/${name}/resolve/${encodeURIComponent(revision)}/`;
}

/** @throws {RangeError} unless it is the URL of a server */
function checkedEndpoint(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === "")
    return url.href.replace(/\/+$/, "");
  throw new RangeError(`endpoint must be the address of a hub, such as ${HUB_ENDPOINT}, got "${endpoint}"`);
}

/** Tells whether a revision is a full commit, whose files never change. */
export function isCommit(revision: string | undefined): boolean {
  return revision !== undefined && /^[0-9a-f]{40}$/.test(revision);
}

/** Makes the error for a model that is at none of the addresses that were tried. */
export function notFoundError(
  location: string,
  tried: readonly TriedAddress[],
  { kind, cause }: { readonly kind: ModelFileErrorKind; readonly cause?: unknown },
): ModelFileError {
  const lines = tried.map(({ address, reason }) => `\n  ${address} ${reason}`);
  return new ModelFileError(`No model "${location}" was found. What was tried:${lines.join("")}`, {
    ...{ kind, file: location, tried },
    ...(cause !== undefined && { cause }),
  });
}
