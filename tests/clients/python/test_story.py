"""The main job with python-socketio: its clients on threads (requests) and on asyncio (aiohttp)."""

import asyncio
import os
import queue
import re
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass

import pytest
import requests
import socketio
from socketio.exceptions import ConnectionError

START_S = 10
STOP_S = 10
REQUEST_S = 10
EVENT_S = 5
STATUS_S = 8  # presence waits 3 s for a client to come back

TRANSPORTS = pytest.mark.parametrize("transport", ["websocket", "polling"])


@pytest.fixture(scope="module")
def url():
    """A running chatd with a data folder of its own; it must end well when it is asked to."""
    with tempfile.TemporaryDirectory(prefix="chatd-python-") as data:
        command = [os.environ["CHATD_BIN"], "serve", "--listen", "127.0.0.1:0", "--data-dir", data]
        env = {name: value for name, value in os.environ.items() if not name.startswith("CHATD_")}
        env["CHATD_LIMITS__ENABLED"] = "false"
        server = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        log, listening = [], threading.Event()

        def read():
            for line in server.stdout:
                log.append(line)
                if re.search(r"http://127\.0\.0\.1:\d+", line):
                    listening.set()

        threading.Thread(target=read, daemon=True).start()
        try:
            assert listening.wait(START_S), f"chatd did not say where it listens: {''.join(log)}"
            yield re.search(r"http://127\.0\.0\.1:\d+", "".join(log)).group()
            server.send_signal(signal.SIGTERM)
            assert server.wait(STOP_S) == 0, "".join(log[-50:])
        finally:
            server.kill()
            server.wait()


@dataclass
class Person:
    url: str
    id: str
    username: str
    token: str

    def request(self, status, method, path, body=None):
        headers = {"authorization": f"Bearer {self.token}"}
        answer = requests.request(
            method, self.url + path, json=body, headers=headers, timeout=REQUEST_S
        )
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def connect(self, transport):
        client = socketio.SimpleClient()
        client.connect(self.url, auth={"token": self.token}, transports=[transport])
        assert client.transport == transport
        return client


def register(url, name):
    username = f"{name}-{secrets.token_hex(6)}"
    account = {"username": username, "email": f"{username}@example.org", "password": "correct horse battery"}
    answer = requests.post(f"{url}/api/auth/register", json=account, timeout=REQUEST_S)
    assert answer.status_code == 201, answer.text
    body = answer.json()
    return Person(url, body["user"]["id"], username, body["token"])


def room_for(alice, bob):
    """The id of a private room of Alice's that Bob joined by her invite."""
    room = alice.request(201, "POST", "/api/rooms", {"name": "The kitchen", "isPrivate": True})
    path = f"/api/rooms/{room['id']}"
    error = bob.request(404, "GET", path)["error"]
    assert error["code"] == "not_found"
    bob.request(404, "POST", f"{path}/invites", {})
    invite = alice.request(201, "POST", f"{path}/invites", {})
    seen = bob.request(200, "GET", f"/api/rooms/invites/{invite['token']}")
    assert seen["room"]["name"] == "The kitchen"
    joined = bob.request(200, "POST", f"/api/rooms/invites/{invite['token']}/join")
    assert joined["room"]["id"] == room["id"] and joined["already"] is False
    bob.request(403, "POST", f"{path}/invites", {})
    return room["id"]


def does(client, event, **data):
    ack = client.call(event, data, timeout=EVENT_S)
    assert ack["ok"] is True, f"{event}: {ack}"
    return ack


def until(client, event, fits=lambda data: True, seconds=EVENT_S):
    """The first such event from now on, what came before it being passed over."""
    deadline = time.monotonic() + seconds
    while True:
        name, *data = client.receive(timeout=max(0.01, deadline - time.monotonic()))
        if name == event and fits(data[0]):
            return data[0]


def events_before_an_error(client):
    """The names of all events that came before the answer to an event that is an error."""
    client.emit("make_coffee", {})
    names = []
    while "error" not in names:
        names.append(client.receive(timeout=EVENT_S)[0])
    return names


@TRANSPORTS
def test_two_people_talk_in_a_private_room(url, transport):
    alice, bob = register(url, "alice"), register(url, "bob")
    room = room_for(alice, bob)
    with alice.connect(transport) as a, bob.connect(transport) as b:
        does(a, "join_room", roomId=room)
        joined = does(b, "join_room", roomId=room)
        assert until(b, "room_joined") == {key: joined[key] for key in joined if key != "ok"}
        assert until(a, "user_joined")["userId"] == bob.id

        note = {"content": "Hello, wörld 👋", "clientId": "one"}
        message = does(a, "send_message", roomId=room, **note)["message"]
        assert does(a, "send_message", roomId=room, **note)["message"] == message
        assert (message["seq"], message["content"], message["userId"]) == (1, note["content"], alice.id)
        assert until(a, "receive_message") == message
        assert until(b, "receive_message") == message

        for typing in (True, False):
            b.emit("typing", {"roomId": room, "isTyping": typing})
            told = until(a, "user_typing")
            assert (told["userId"], told["isTyping"]) == (bob.id, typing)

        users = does(a, "get_room_users", roomId=room)
        assert users["total"] == 2
        assert {user["userId"] for user in until(a, "room_users")["users"]} == {alice.id, bob.id}

        does(b, "message_read", roomId=room, messageId=message["id"])
        read = until(a, "messages_read")
        assert (read["userId"], read["seq"], read["messageId"]) == (bob.id, 1, message["id"])

        path = f"/api/rooms/{room}/messages"
        alice.request(200, "PATCH", f"{path}/{message['id']}", {"content": "Hello again"})
        assert until(b, "message_updated")["content"] == "Hello again"
        page = bob.request(200, "GET", f"{path}?after=0")
        assert [one["content"] for one in page["messages"]] == ["Hello again"]


@TRANSPORTS
def test_who_comes_back_gets_exactly_what_they_missed(url, transport):
    alice, bob = register(url, "alice"), register(url, "bob")
    room = room_for(alice, bob)

    def bobs(status):
        return lambda told: (told["userId"], told["status"]) == (bob.id, status)

    with alice.connect(transport) as a:
        with bob.connect(transport) as b:
            until(a, "user_status", bobs("online"))
            does(b, "join_room", roomId=room)
            does(a, "send_message", roomId=room, content="seen")
            seen = until(b, "receive_message")["seq"]
        until(a, "user_status", bobs("offline"), STATUS_S)
        missed = [does(a, "send_message", roomId=room, content=f"missed {n}")["message"] for n in (1, 2)]
        with bob.connect(transport) as b:
            does(b, "join_room", roomId=room, since=seen)
            assert [until(b, "receive_message") for _ in missed] == missed
            joined = until(b, "room_joined")
            assert (joined["replayed"], joined["complete"]) == (2, True)


@TRANSPORTS
def test_signing_out_ends_the_connection_and_the_token(url, transport):
    alice = register(url, "alice")
    options = {"auth": {"token": alice.token}, "transports": [transport]}
    ends, refusals = queue.Queue(), queue.Queue()
    signed_in = socketio.Client(reconnection=False)
    signed_in.on("disconnect", lambda *reason: ends.put(reason))
    signed_in.connect(url, **options)
    alice.request(204, "POST", "/api/auth/logout")
    ends.get(timeout=EVENT_S)

    signed_out = socketio.Client(reconnection=False)
    signed_out.on("connect_error", refusals.put)
    with pytest.raises(ConnectionError):
        signed_out.connect(url, **options)
    assert refusals.get(timeout=EVENT_S)["message"] == "unauthorized"


@TRANSPORTS
def test_somebody_removed_is_told_no_more(url, transport):
    alice, bob = register(url, "alice"), register(url, "bob")
    room = room_for(alice, bob)
    with alice.connect(transport) as a, bob.connect(transport) as b:
        does(a, "join_room", roomId=room)
        does(b, "join_room", roomId=room)
        until(b, "room_joined")
        path = f"{url}/api/rooms/{room}/users/{bob.id}"
        answer = requests.delete(path, headers={"authorization": f"Bearer {alice.token}"}, timeout=REQUEST_S)
        assert answer.ok, answer.text
        assert until(a, "user_left", lambda left: left["type"] == "permanent")["userId"] == bob.id
        does(a, "send_message", roomId=room, content="he is gone")
        ack = b.call("join_room", {"roomId": room}, timeout=EVENT_S)
        assert ack["error"]["code"] == "not_found"
        assert "receive_message" not in events_before_an_error(b)


@TRANSPORTS
def test_the_asyncio_client_talks_too(url, transport):
    alice, bob = register(url, "alice"), register(url, "bob")
    room = room_for(alice, bob)

    async def talk():
        async with socketio.AsyncSimpleClient() as a, socketio.AsyncSimpleClient() as b:
            for client, person in ((a, alice), (b, bob)):
                await client.connect(url, auth={"token": person.token}, transports=[transport])
                ack = await client.call("join_room", {"roomId": room}, timeout=EVENT_S)
                assert ack["ok"] is True
            sent = await a.call("send_message", {"roomId": room, "content": "Hello"}, timeout=EVENT_S)
            while True:
                name, *data = await b.receive(timeout=EVENT_S)
                if name == "receive_message":
                    assert data == [sent["message"]]
                    return

    asyncio.run(talk())
