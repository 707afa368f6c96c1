"""aiohttp under the load of the side-by-side: does what standard input orders, and prints what it took.

An order is a line of JSON; its answer is a line with turns a second, and the microseconds that this thread ran for
one.
"""

import asyncio
import json
import ssl
import sys
import time

import aiohttp


class Client:
    def __init__(self, authority: str) -> None:
        with open(authority, "rb") as der:
            self.tls = ssl.create_default_context(cadata=der.read())
        self.session = None

    def open(self) -> aiohttp.ClientSession:
        # None of the others has a limit.
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self.tls, limit=0))

    async def get(self, session: aiohttp.ClientSession, url: str) -> None:
        async with session.get(url) as response:
            await response.read()

    async def requests(self, url: str, in_flight: int, count: int) -> None:
        if self.session is None:
            self.session = self.open()

        async def some() -> None:
            for _ in range(-(-count // in_flight)):
                await self.get(self.session, url)

        await asyncio.gather(*(some() for _ in range(in_flight)))

    async def jobs(self, url: str, in_flight: int, count: int) -> None:
        async def some() -> None:
            for _ in range(-(-count // in_flight)):
                async with self.open() as session:
                    if url:
                        await self.get(session, url)

        await asyncio.gather(*(some() for _ in range(in_flight)))


async def main() -> None:
    client = Client(sys.argv[1])
    for line in sys.stdin:
        order = json.loads(line)
        work = {"requests": client.requests, "jobs": client.jobs}[order["what"]]
        started, ran = time.perf_counter(), time.thread_time()
        await work(order["url"], order["in_flight"], order["count"])
        took, ran = time.perf_counter() - started, time.thread_time() - ran
        print(order["count"] / took, ran * 1e6 / order["count"], flush=True)
    if client.session is not None:
        await client.session.close()


asyncio.run(main())
