/** A text as a QR code, dark on white in both themes, as cameras want it. */
import { generate } from "lean-qr/nano";
import { useMemo } from "preact/hooks";

/** So many modules around the code stay empty (ISO/IEC 18004). */
const QUIET_MODULES = 4;

export function QrCode({ text, name }: { text: string; name: string }) {
  const { dark, size } = useMemo(() => draw(text), [text]);
  const whole = size + 2 * QUIET_MODULES;
  return (
    <svg class="qr" viewBox={`${-QUIET_MODULES} ${-QUIET_MODULES} ${whole} ${whole}`} role="img" aria-label={name} shape-rendering="crispEdges">
      <rect x={-QUIET_MODULES} y={-QUIET_MODULES} width={whole} height={whole} fill="#fff" />
      <path d={dark} fill="#000" />
    </svg>
  );
}

/** The dark modules, a path of their runs in each row. */
function draw(text: string) {
  const code = generate(text);
  let dark = "";
  for (let y = 0; y < code.size; y++) {
    for (let x = 0; x < code.size; x++) {
      let run = 0;
      while (code.get(x + run, y)) run++;
      if (run > 0) dark += `M${x} ${y}h${run}v1h-${run}z`;
      x += run;
    }
  }
  return { dark, size: code.size };
}
