/** Gives the form of a phrase for a number; `#` stands for the number. For languages with two forms. */
export function counted(locale: string): (count: number, one: string, other: string) => string {
  const rules = new Intl.PluralRules(locale);
  const numbers = new Intl.NumberFormat(locale);
  return (count, one, other) => (rules.select(count) === "one" ? one : other).replace("#", numbers.format(count));
}
