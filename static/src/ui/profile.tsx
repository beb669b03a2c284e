/** Who one is to the others. */
import { words } from "../words";
import { Field } from "./controls";
import { FormEnd, problemAt, useForm } from "./form";
import { live, session } from "./state";

export function Profile() {
  const me = live(session.user);
  const { outcome, bind } = useForm(async (text) => {
    const [displayName, email] = [text("displayName").trim(), text("email").trim()];
    // Only what was changed here: the rest may have been changed elsewhere.
    const change = { ...(displayName !== me?.displayName && { displayName }), ...(email !== me?.email && { email }) };
    if (Object.keys(change).length > 0) await session.change(change);
  });
  const nameProblem = problemAt(outcome.error, "displayName", words.displayNameWanted);
  const emailProblem = problemAt(outcome.error, "email", words.emailWanted);
  return (
    <form {...bind}>
      <Field label={words.displayName} name="displayName" autocomplete="nickname" dir="auto" defaultValue={me?.displayName} hint={words.displayNameHint(me?.username ?? "")} problem={nameProblem} required />
      <Field label={words.email} name="email" type="email" autocomplete="email" defaultValue={me?.email} problem={emailProblem} required />
      <FormEnd outcome={outcome} action={words.save} done={words.saved} told={Boolean(nameProblem ?? emailProblem)} />
    </form>
  );
}
