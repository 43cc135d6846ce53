"""A hub on this machine: published folders, asked for as on Hugging Face's."""

import contextlib
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILE = re.compile(
    r'/(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<name>.+)'
)
API = re.compile(
    r'/api/models/(?P<repo>[^/]+/[^/]+)/(?P<kind>revision|tree)/(?P<rev>[^/?]+)'
)
COMMIT = 'a' * 40


class Handler(BaseHTTPRequestHandler):
    """Knows the files of ``server.folders`` at ``main`` and one commit."""

    protocol_version = 'HTTP/1.1'

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        """Send a description of a model, or one of its files."""
        match = FILE.match(self.path) or API.match(self.path)
        folder = match and self.server.folders.get(match['repo'])
        if folder is None:
            self.send(404, b'{}', {'X-Error-Code': 'RepoNotFound'})
        elif match['rev'] not in ('main', COMMIT):
            self.send(404, b'{}', {'X-Error-Code': 'RevisionNotFound'})
        elif match.re is API:
            self.send_description(match['repo'], match['kind'], folder)
        else:
            self.send_file(folder / match['name'])

    def send_description(self, repo, kind, folder):
        files = sorted(path for path in folder.iterdir() if path.is_file())
        listing = [
            dict(
                type='file',
                path=path.name,
                size=path.stat().st_size,
                oid=hashlib.sha1(path.read_bytes()).hexdigest(),
            )
            for path in files
        ]
        model = dict(
            id=repo,
            modelId=repo,
            sha=COMMIT,
            private=False,
            tags=[],
            downloads=0,
            siblings=[dict(rfilename=path.name) for path in files],
        )
        content = listing if kind == 'tree' else model
        self.send(200, json.dumps(content).encode())

    def send_file(self, path):
        if not path.is_file():
            self.send(404, b'', {'X-Error-Code': 'EntryNotFound'})
            return
        content = path.read_bytes()
        tag = hashlib.sha1(content).hexdigest()
        self.send(200, content, {'ETag': f'"{tag}"', 'X-Repo-Commit': COMMIT})

    def send(self, status, content, headers=None):
        self.server.asked.append(f'{self.command} {self.path}')
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(content)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def hub(folders):
    """Serve models while the context lasts.

    Args:
        folders: Path of its folder by 'OWNER/NAME'.

    Yields:
        ThreadingHTTPServer: ``address``, and in ``asked`` each request.
    """
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.folders, server.asked = folders, []
    server.address = f'http://127.0.0.1:{server.server_port}'
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
