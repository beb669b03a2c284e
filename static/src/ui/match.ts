/** Finds names by what is typed of them. Case and accents do not matter. */

function fold(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Those whose names have all the words that are looked for, those first in which words begin with them. */
export function matching<T extends { name: string }>(all: readonly T[], query: string): T[] {
  const wanted = fold(query).split(/\s+/).filter(Boolean);
  const ranked = all.map((one) => {
    const name = fold(one.name);
    return { one, rank: Math.max(0, ...wanted.map((word) => rank(name, word))) };
  });
  const found = ranked.filter(({ rank }) => rank < Infinity);
  return found.sort((one, other) => one.rank - other.rank).map(({ one }) => one);
}

function rank(name: string, word: string): number {
  if (name.startsWith(word)) return 0;
  let best = Infinity;
  for (let at = name.indexOf(word); at >= 0; at = name.indexOf(word, at + 1)) {
    best = Math.min(best, /[\p{L}\p{N}]/u.test(name[at - 1] ?? "") ? 2 : 1);
  }
  return best;
}
