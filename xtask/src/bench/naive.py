"""What one writes in five minutes: naive.py PLAYLIST-URL OUTPUT. One segment after the other, as they are."""

import re
import sys
import urllib.parse
import urllib.request


def fetch(url):
    with urllib.request.urlopen(url) as response:
        return response.read()


def decrypt(data, key, iv):
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    plain = decryptor.update(data) + decryptor.finalize()
    return plain[: -plain[-1]]


url, output = sys.argv[1:]
keys = {}
key = None
sequence = 0
with open(output, "wb") as out:
    for line in fetch(url).decode().splitlines():
        found = re.match('#EXT-X-KEY:METHOD=AES-128,URI="([^"]*)"', line)
        if found:
            key_url = urllib.parse.urljoin(url, found[1])
            key = keys.get(key_url) or fetch(key_url)
            keys[key_url] = key
        elif line.startswith("#EXT-X-MEDIA-SEQUENCE:"):
            sequence = int(line.split(":")[1])
        elif line and not line.startswith("#"):
            data = fetch(urllib.parse.urljoin(url, line))
            if key:
                data = decrypt(data, key, sequence.to_bytes(16, "big"))
            out.write(data)
            sequence += 1
