/** Who is writing. Its place is kept, so that nothing moves when somebody begins. */
import type { Chat } from "../client/chat";
import { isolated, words } from "../words";
import { live } from "./state";

export function TypingLine({ chat, roomId }: { chat: Chat; roomId: string }) {
  const typists = live(chat.typing.typists)[roomId] ?? [];
  const others = typists.filter(({ userId }) => userId !== chat.userId);
  return (
    <p class="typing" role="status">
      {others.length > 0 && words.typing(others.map(({ displayName }) => isolated(displayName)))}
    </p>
  );
}
