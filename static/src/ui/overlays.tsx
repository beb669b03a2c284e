/** What opens above the page. */
import type { Chat } from "../client/chat";
import { Confirm } from "./confirm";
import { FindRooms } from "./find-rooms";
import { Help } from "./help";
import { InviteDialog } from "./invite";
import { MemberDialog } from "./member";
import { MembersDialog } from "./members";
import { NewRoom } from "./new-room";
import { About } from "./about";
import { SeenDialog } from "./seen";
import { Settings } from "./settings";
import { overlay } from "./state";
import { Switcher } from "./switcher";
import { words } from "../words";

export function Overlays({ chat }: { chat: Chat }) {
  const what = overlay.value;
  // What was closed while it waited for an answer closes nothing else.
  const close = () => {
    if (overlay.peek() === what) overlay.value = null;
  };
  switch (what?.kind) {
    case "new-room":
      return <NewRoom chat={chat} onClose={close} />;
    case "find-rooms":
      return <FindRooms chat={chat} onClose={close} />;
    case "settings":
      return <Settings onClose={close} />;
    case "switcher":
      return <Switcher chat={chat} onClose={close} />;
    case "help":
      return <Help onClose={close} />;
    case "invite":
      return <InviteDialog chat={chat} roomId={what.roomId} onClose={close} />;
    case "members":
      return <MembersDialog chat={chat} roomId={what.roomId} onClose={close} />;
    case "member":
      return <MemberDialog chat={chat} roomId={what.roomId} userId={what.userId} onClose={close} />;
    case "about":
      return <About chat={chat} roomId={what.roomId} onClose={close} />;
    case "delete-message":
      return (
        <Confirm title={words.deleteSure} action={words.delete} onDo={() => chat.delete(what.message)} onClose={close}>
          <blockquote dir="auto">{what.message.content}</blockquote>
        </Confirm>
      );
    case "seen":
      return <SeenDialog chat={chat} message={what.message} onClose={close} />;
    default:
      return null;
  }
}
