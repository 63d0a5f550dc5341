/**
 * Function pointers of other types than the release has, such as one whose argument is not constant. The kernel's
 * build refuses them. The code runs all the same if both types are called in the same way.
 */

/** The flag that makes the compiler accept such pointers. */
export const ACCEPTS_TYPES = "-Wno-incompatible-function-pointer-types";

const ERROR = / (?:fatal )?error: (.*)$/gm;
const DIFFERS =
  /^incompatible function pointer types \w+(?: to| with)?(?: an expression of type)? ?'([^']+)'(?: \(aka '([^']+)'\))? (?:from|with an expression of type) '([^']+)'(?: \(aka '([^']+)'\))?/;

/** Whether all errors of a compilation are about function pointers that are called in the same way. */
export function differOnlyInTypes(said: string): boolean {
  const errors = [...said.matchAll(ERROR)].map(([, text]) => text!);
  return errors.length > 0 && errors.every((text) => {
    const [, wanted, wantedAka, given, givenAka] = DIFFERS.exec(text) ?? [];
    if (wanted === undefined || given === undefined) return false;
    const [one, other] = [callOf(wantedAka ?? wanted), callOf(givenAka ?? given)];
    return one !== null && one === other;
  });
}

/** How a function is called: the kinds of its result and arguments; null if a type is none that is known. */
function callOf(type: string): string | null {
  const text = type.replace("(*)", "");
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close !== text.length - 1) return null;
  const listed = text.slice(open + 1, close);
  // An argument that is a function pointer has brackets of its own.
  if (/[()]/.test(listed)) return null;
  const parameters = listed.trim() === "void" ? [] : listed.split(",");
  const kinds = [text.slice(0, open), ...parameters].map(kindOf);
  return kinds.includes("?") ? null : kinds.join(",");
}

function kindOf(type: string): string {
  const text = type.trim();
  if (text.endsWith("*")) return "pointer";
  if (text === "void") return "nothing";
  if (/\bstruct\b|\bunion\b|\.\.\./.test(text)) return "?";
  if (/\blong\b|^(?:[us]64|s?size_t|loff_t|dma_addr_t)$/.test(text)) return "64";
  return /^(?:const )?(?:unsigned |signed )?(?:int|short|char|_Bool|bool|[us](?:8|16|32)|enum \w+)$/
      .test(text)
    ? "32"
    : "?";
}
