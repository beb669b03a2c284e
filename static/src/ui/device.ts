/** A browser by its user agent, in words. */
import { words } from "../words";

type Names = [mark: RegExp, name: string][];

/** Most claim to be others as well, so that the more particular come first. */
const BROWSERS: Names = [
  [/Edg(A|iOS|e)?\//, "Edge"],
  [/OPR\//, "Opera"],
  [/SamsungBrowser\//, "Samsung Internet"],
  [/Firefox\/|FxiOS\//, "Firefox"],
  [/Chrom(e|ium)\/|CriOS\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const SYSTEMS: Names = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/CrOS/, "ChromeOS"],
  [/Linux/, "Linux"],
];

function named(names: Names, userAgent: string): string | undefined {
  return names.find(([mark]) => mark.test(userAgent))?.[1];
}

/** What is no browser is told by the name that it gives itself. */
export function deviceName(userAgent: string | null): string {
  const [browser, system] = [named(BROWSERS, userAgent ?? ""), named(SYSTEMS, userAgent ?? "")];
  if (browser && system) return words.browserOn(browser, system);
  return browser ?? (userAgent?.split("/")[0]?.trim() || words.unknownDevice);
}
