import { render } from "preact";
import "./style.css";

function Page() {
  return (
    <main>
      <h1>chatd is running</h1>
      <p>Any program that speaks its REST API and any stock Socket.IO client can use it.</p>
    </main>
  );
}

const app = document.getElementById("app");
if (app) render(<Page />, app);
