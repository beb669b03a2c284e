/** Whether one is notified, with what the browser has to say to it. */
import { useState } from "preact/hooks";
import { words } from "../words";
import { Problem } from "./controls";
import { hindrance, notifies, turnOff, turnOn } from "./notify";

export function Notifications() {
  const isDenied = !hindrance && Notification.permission === "denied";
  const [problem, setProblem] = useState<Awaited<ReturnType<typeof turnOn>>>(isDenied ? "refused" : undefined);
  const isOn = notifies.value;
  const turn = async () => (isOn ? turnOff() : setProblem(await turnOn()));
  return (
    <div class="notify">
      <p class="hint">{hindrance ? words.notifyNot[hindrance] : isOn ? words.notifyOn : words.notifyOff}</p>
      <Problem text={problem && !isOn ? words.notifyNot[problem] : null} />
      {!hindrance && <button type="button" onClick={turn}>{isOn ? words.turnOff : words.turnOn}</button>}
    </div>
  );
}
