/** Where the page begins. */
import { render } from "preact";
import "./style.css";
import { App } from "./ui/app";
import { words } from "./words";

document.documentElement.lang = words.language;
document.documentElement.dir = words.direction;
const place = document.getElementById("app");
if (place) render(<App />, place);
