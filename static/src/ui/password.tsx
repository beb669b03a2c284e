/** Changing one's password. */
import { ApiError } from "../client/api";
import { words } from "../words";
import { Field } from "./controls";
import { FormEnd, passwordHint, passwordProblem, useForm } from "./form";
import { live, session } from "./state";

export function Password() {
  const me = live(session.user);
  const { outcome, bind } = useForm(async (text, form) => {
    await session.api.changePassword(text("current"), text("new"));
    form.reset();
  });
  const { error } = outcome;
  const isWrong = error instanceof ApiError && (error.code === "invalid_credentials" || error.details.fields?.currentPassword);
  const newProblem = passwordProblem(error, "newPassword");
  return (
    <form {...bind}>
      {/* Tells a password manager whose password it is. */}
      <input type="text" autocomplete="username" value={me?.username} readOnly hidden />
      <Field label={words.currentPassword} name="current" type="password" autocomplete="current-password" problem={isWrong ? words.wrongPassword : undefined} required />
      <Field label={words.newPassword} name="new" type="password" autocomplete="new-password" hint={passwordHint()} problem={newProblem} required />
      <FormEnd outcome={outcome} action={words.changePassword} done={words.passwordChanged} told={Boolean(isWrong || newProblem)} />
    </form>
  );
}
