/** One message, and what can be done with it. */
import type { Draft, Outbox } from "../client/outbox";
import type { Message } from "../client/types";
import { explain, words } from "../words";
import { Avatar, IconButton } from "./controls";
import { Icon } from "./icons";
import { memo } from "./memo";
import { concern, overlay } from "./state";
import { Text } from "./text";
import { clockTime, fullTime } from "./time";

interface Shown {
  message: Message;
  /** Whether its author's name stands above it. */
  hasHead: boolean;
  isMine: boolean;
  mayDelete: boolean;
  /** What it is a reply to, if that is loaded. */
  answered: Message | undefined;
}

export const MessageRow = memo(function MessageRow({ message, hasHead, isMine, mayDelete, answered }: Shown) {
  const { seq, userId, displayName, content, createdAt, editedAt, deletedAt, replyTo } = message;
  return (
    <li class={hasHead ? "message has-head" : "message"} data-seq={seq} tabIndex={-1}>
      <Side {...{ hasHead, userId, displayName, createdAt }} />
      <div class="body">
        <Head {...{ hasHead, displayName, createdAt }} />
        {replyTo && !deletedAt && (
          <button type="button" class="quote" data-jump={replyTo}>
            <Icon name="reply" />
            <span class="unseen">{words.inReplyTo} </span>
            <bdi class="who">{answered?.displayName}</bdi>{" "}
            <bdi class="what">{answered ? answered.content || words.deleted : words.earlier}</bdi>
          </button>
        )}
        <div class={deletedAt ? "text hint" : "text"} dir="auto">
          {deletedAt ? words.deleted : <Text content={content} />}
          {editedAt && !deletedAt && <small class="hint" title={fullTime(editedAt)}> ({words.edited})</small>}
        </div>
      </div>
      {!deletedAt && (
        <div class="tools">
          <IconButton icon="reply" name={words.reply} onClick={() => (concern.value = { kind: "reply", message })} />
          {isMine && <IconButton icon="eye" name={words.seenWho} onClick={() => (overlay.value = { kind: "seen", message })} />}
          {isMine && <IconButton icon="edit" name={words.edit} onClick={() => (concern.value = { kind: "edit", message })} />}
          {mayDelete && <IconButton icon="trash" name={words.delete} onClick={() => (overlay.value = { kind: "delete-message", message })} />}
        </div>
      )}
    </li>
  );
});

/** A message that the server has not acknowledged. */
export function Pending({ draft, name, hasHead, outbox }: { draft: Draft; name: string; hasHead: boolean; outbox: Outbox }) {
  const { clientId, userId, content, createdAt, failed } = draft;
  return (
    <li class={`message is-pending ${hasHead ? "has-head" : ""} ${failed ? "has-failed" : ""}`} tabIndex={-1}>
      <Side {...{ hasHead, userId, displayName: name, createdAt }} />
      <div class="body">
        <Head {...{ hasHead, displayName: name, createdAt }} />
        <div class="text" dir="auto">
          <Text content={content} />
          {!failed && <span class="waits" title={words.sending}><Icon name="clock" /><span class="unseen">{words.sending}</span></span>}
        </div>
        {failed && (
          <p class="problem" role="alert">
            {words.failed}: {explain(failed)}{" "}
            <button type="button" class="text-button" onClick={() => outbox.retry(clientId)}>{words.retry}</button>{" "}
            <button type="button" class="text-button" onClick={() => outbox.discard(clientId)}>{words.discard}</button>
          </p>
        )}
      </div>
    </li>
  );
}

interface Author {
  hasHead: boolean;
  displayName: string;
  createdAt: string;
}

function Side({ hasHead, userId, displayName, createdAt }: Author & { userId: string }) {
  if (hasHead) return <Avatar name={displayName} id={userId} />;
  return <time class="side-time" dateTime={createdAt} title={fullTime(createdAt)}>{clockTime(createdAt)}</time>;
}

function Head({ hasHead, displayName, createdAt }: Author) {
  if (!hasHead) return <span class="unseen">{displayName}</span>;
  return (
    <p class="head">
      <bdi class="author">{displayName}</bdi>
      <time dateTime={createdAt} title={fullTime(createdAt)}>{clockTime(createdAt)}</time>
    </p>
  );
}
