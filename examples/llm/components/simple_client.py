#!/usr/bin/env python3
"""Sends one request to a running Sluice over HTTP and prints the answer. Standard library only.

    sluice up                                      (prints the URL)
    python3 examples/llm/components/simple_client.py --level high "Why is the sky blue?"

Exit codes: 0 answered (or cancelled as asked), 1 the server refused or failed it, 2 wrong usage, 3 no server.
"""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request


class ApiError(Exception):
    """An error of the server, in OpenAI's shape: HTTP status, code, message, seconds to wait (or None)."""

    def __init__(self, status, error, retry_after=None):
        super().__init__(error.get("message", "no message"))
        self.status = status
        self.code = error.get("code")
        self.retry_after = retry_after


class Client:
    """The endpoints of one gateway. `url` without /v1; `key` is needed where the gateway asks for keys."""

    def __init__(self, url, key=None, timeout=600.0):
        self.url = url.rstrip("/")
        self.key = key
        self.timeout = timeout  # seconds without a byte

    def whole(self, path, body):
        """The whole answer, as OpenAI's object. Raises ApiError, urllib.error.URLError."""
        with self._post(path, {**body, "stream": False}) as answer:
            return json.load(answer)

    def stream(self, path, body):
        """Yields the chunks of an answer as they come. Closing the generator cancels the request.

        Raises ApiError (also for a stream that ends in an error), urllib.error.URLError.
        """
        options = {"stream": True, "stream_options": {"include_usage": True}}
        with self._post(path, {**body, **options}) as answer:
            for line in answer:
                if not line.startswith(b"data: "):
                    continue  # empty lines, and comments that keep the connection alive
                data = line[len(b"data: ") :].strip()
                if data == b"[DONE]":
                    return
                chunk = json.loads(data)
                if "error" in chunk:
                    raise ApiError(answer.status, chunk["error"])
                yield chunk
        raise ApiError(answer.status, {"message": "the stream was cut off", "code": "cut_off"})

    def _post(self, path, body):
        headers = {"content-type": "application/json"}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        try:
            return urllib.request.urlopen(request, timeout=self.timeout)
        except urllib.error.HTTPError as refused:
            try:
                error = json.load(refused)["error"]
            except (ValueError, KeyError):
                error = {"message": f"HTTP {refused.code} from {self.url}, which is no Sluice"}
            raise ApiError(refused.code, error, refused.headers.get("retry-after")) from None


def text_of(choice):
    """The text of a choice: of a chat or a completion, whole or a chunk."""
    return choice.get("text") or (choice.get("message") or choice.get("delta") or {}).get("content") or ""


def ask(client, args):
    """Sends the request, prints the text to stdout and what else there is to say to stderr."""
    body = {"max_tokens": args.max_tokens, "slo_level": args.level}
    if args.model:
        body["model"] = args.model
    if args.completions:
        path, body["prompt"] = "/v1/completions", args.prompt
    else:
        path, body["messages"] = "/v1/chat/completions", [{"role": "user", "content": args.prompt}]
    if args.no_stream:
        answer = client.whole(path, body)
        print(text_of(answer["choices"][0]))
        tell(answer, answer["usage"])
        return
    usage, pieces, chunk = {}, 0, {}
    stream = client.stream(path, body)
    for chunk in stream:
        for choice in chunk["choices"]:
            text = text_of(choice)
            print(text, end="", flush=True)
            pieces += text != ""
        usage = chunk.get("usage") or usage
        if args.cancel_after and pieces >= args.cancel_after:
            stream.close()  # closes the connection: the request is cancelled, wherever it runs
            print(f"\ncancelled {chunk['id']} after {pieces} pieces", file=sys.stderr)
            return
    print()
    tell(chunk, usage)


def tell(answer, usage):
    tokens = f"{usage.get('prompt_tokens')} + {usage.get('completion_tokens')} tokens"
    print(f"{answer['id']}: level {answer.get('slo_level')}, {tokens}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description="Sends one request to a running Sluice and prints the answer.")
    parser.add_argument("prompt", nargs="?", default="Why does a sluice have gates?")
    parser.add_argument("--url", default=os.environ.get("SLUICE_URL", "http://127.0.0.1:8080"))
    parser.add_argument("--key", default=os.environ.get("SLUICE_API_KEY"), help="default: $SLUICE_API_KEY")
    parser.add_argument("--level", default="medium", help="high, medium or low (default: medium)")
    parser.add_argument("--model", help="default: the level's own")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--no-stream", action="store_true", help="wait for the whole answer")
    parser.add_argument("--completions", action="store_true", help="/v1/completions in place of chat")
    parser.add_argument("--cancel-after", type=int, metavar="N", help="cancel after N pieces of text")
    args = parser.parse_args()
    try:
        ask(Client(args.url, args.key), args)
    except ApiError as error:
        wait = f"; try again in {error.retry_after} s" if error.retry_after else ""
        print(f"{error.status} {error.code}: {error}{wait}", file=sys.stderr)
        return 1
    except (urllib.error.URLError, ConnectionError) as error:
        why = getattr(error, "reason", error)
        print(f"no Sluice at {args.url} ({why}); start one with `sluice up`, or give --url", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
