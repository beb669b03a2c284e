/** `/setup#{token}`: making the server's first admin, while the link is good. */
import { useEffect, useState } from "preact/hooks";
import { explain, words } from "../words";
import { Problem } from "./controls";
import { follow, go } from "./route";
import { SignIn } from "./sign-in";
import { chat, session } from "./state";

export function Setup({ token }: { token: string }) {
  const [isGood, setGood] = useState(false);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    session.api.checkSetup(token).then(() => setGood(true), setError);
  }, [token]);

  const code = (error as { code?: string } | null)?.code;
  return (
    <main class="door">
      <section class="card">
        {isGood ? <SignIn setup={token} onRegistered={() => go("/")} /> : <h1>{words.welcomeAdmin}</h1>}
        <Problem text={code === "forbidden" ? words.setupOver : error ? explain(error) : null} />
        {error ? <a class="button quiet" href="/" onClick={follow}>{chat.value ? words.toRooms : words.signIn}</a> : null}
      </section>
    </main>
  );
}
