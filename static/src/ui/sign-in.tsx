/** Signing in, and making an account. */
import { useEffect, useState } from "preact/hooks";
import { ApiError } from "../client/api";
import { explain, words } from "../words";
import { Field, Problem } from "./controls";
import { passwordHint, passwordProblem, problemAt, useForm } from "./form";
import { session } from "./state";

interface How {
  /** A new account is a member of its room. */
  invite?: string;
  /** Of a setup link: the account is the server's first admin. */
  setup?: string;
  onRegistered?: () => void;
}

export function SignIn({ invite, setup, onRegistered }: How) {
  const [isNew, setNew] = useState(Boolean(invite || setup));
  const { outcome, setOutcome, bind } = useForm(async (text) => {
    // Spaces at the ends of a password belong to it.
    const [username, email, password] = [text("username").trim(), text("email").trim(), text("password")];
    if (!isNew) return session.signIn(username, password);
    await session.register({ username, email, password, ...(invite && { invite }), ...(setup && { token: setup }) });
    onRegistered?.();
  });
  const { busy, error } = outcome;
  const problems = isNew ? {
    username: problemAt(error, "username", words.usernameHint),
    email: problemAt(error, "email", words.emailWanted),
    password: passwordProblem(error, "password"),
  } : {};
  const isTold = Object.values(problems).some(Boolean);
  useEffect(() => {
    if (session.wasEnded) setOutcome({ error: { code: "unauthorized" } });
    session.wasEnded = false;
  }, []);

  const turn = () => {
    setNew(!isNew);
    setOutcome({});
  };
  // What one is invited to stands above.
  const Heading = invite ? "h2" : "h1";
  return (
    <form class="sign-in" {...bind} key={String(isNew)}>
      <Heading>{setup ? words.welcomeAdmin : isNew ? words.welcomeNew : words.welcome}</Heading>
      <Field
        label={isNew ? words.username : words.nameOrEmail}
        name="username"
        autocomplete="username"
        hint={isNew ? words.usernameHint : undefined}
        problem={problems.username}
        required
        autofocus
      />
      {isNew && <Field label={words.email} name="email" type="email" autocomplete="email" problem={problems.email} required />}
      <Field
        label={words.password}
        name="password"
        type="password"
        autocomplete={isNew ? "new-password" : "current-password"}
        hint={isNew ? passwordHint() : undefined}
        problem={problems.password}
        required
      />
      <Problem text={error && !isTold ? (setup && isForbidden(error) ? words.setupOver : isNew ? refusal(error) : explain(error)) : null} />
      <button type="submit" class="primary" aria-disabled={busy}>{isNew ? words.register : words.signIn}</button>
      {!setup && <button type="button" class="quiet" onClick={turn}>{isNew ? words.toSignIn : words.toRegister}</button>}
    </form>
  );
}

/** Why there is no account: what a server's owner allows deserves more than the general words. */
function refusal(error: unknown): string {
  if (!(error instanceof ApiError)) return explain(error);
  if (isForbidden(error)) return words.registrationClosed;
  if (error.code === "not_found") return words.inviteBad;
  return error.details.fields?.invite ? words.registrationByInvite : explain(error);
}

function isForbidden(error: unknown): boolean {
  return error instanceof ApiError && error.code === "forbidden";
}
