/** A message's text: links can be followed, what is in backticks is code. Everything becomes nodes, never HTML. */
import { Fragment, type ComponentChild } from "preact";

/** What follows the opening backticks on their line names the language, and is not part of the code. */
const CODE = /```(?:[\w+#.-]*\n)?([\s\S]+?)\n?```\n?|`([^`\n]+)`/g;
const LINK = /\bhttps?:\/\/[^\s<>"]+/g;
/** What ends a sentence rather than an address. */
const TAIL = /[.,;:!?'’”»)\]]+$/;

export function Text({ content }: { content: string }) {
  const parts: ComponentChild[] = [];
  let from = 0;
  for (const match of content.matchAll(CODE)) {
    parts.push(...links(content.slice(from, match.index)));
    const [whole, block, inline] = match;
    parts.push(block === undefined ? <code>{inline}</code> : <pre>{block}</pre>);
    from = match.index + whole.length;
  }
  parts.push(...links(content.slice(from)));
  return <>{parts.map((part, index) => <Fragment key={index}>{part}</Fragment>)}</>;
}

function links(text: string): ComponentChild[] {
  const parts: ComponentChild[] = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const address = trimmed(match[0]);
    parts.push(text.slice(from, match.index));
    parts.push(URL.canParse(address) ? <a href={address} target="_blank" rel="noopener noreferrer">{address}</a> : address);
    from = match.index + address.length;
  }
  parts.push(text.slice(from));
  return parts;
}

function trimmed(address: string): string {
  const bare = address.replace(TAIL, "");
  // A bracket that was opened in the address belongs to it.
  return bare.includes("(") && address[bare.length] === ")" ? `${bare})` : bare;
}
