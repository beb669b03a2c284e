// The two forms of a test of faults: short in the normal run, in full by `tests/run faults`, which sets
// CHATD_FAULTS=full and prints the figures that are put into the file named by CHATD_FAULTS_REPORT.
import { appendFileSync } from "node:fs";

/** Whether the full form is asked for. */
export const full = process.env.CHATD_FAULTS === "full";

/** How much of something there is: so much in full, so much in short. */
export const either = (inFull, inShort) => (full ? inFull : inShort);

/** Puts a row's figure into the report. */
export function report(promise, figure) {
  const line = `${promise}: ${figure}`;
  console.log(line);
  if (process.env.CHATD_FAULTS_REPORT) appendFileSync(process.env.CHATD_FAULTS_REPORT, `${line}\n`);
}
