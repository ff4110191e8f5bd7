"""Records how OpenCV reads and resizes images: test/golden/direction_classifier/opencv.json.gz.

  python tools/record_images.py            needs numpy 1.26.4, opencv-python-headless 4.10.0.84, pillow

"files": small PNG files of every colour type, depth and interlacing, and JPEG files of every subsampling, progressive, grey, with each EXIF
orientation; each with what cv2.imread gives in colour. "resize": sizes, and the CRC-32 of what cv2.resize makes of pixels that a formula gives.
"""
import base64, gzip, io, json, os, struct, zlib
import cv2
import numpy as np
from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
random = np.random.RandomState(0)


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def pack(plane, depth):
    """Rows of a PNG without filter, each behind its filter byte."""
    out = b''
    for row in plane.reshape(len(plane), -1):
        if depth == 16:
            data = row.astype('>u2').tobytes()
        else:
            bits = (row[:, None] >> np.arange(depth - 1, -1, -1)) & 1
            data = np.packbits(bits.reshape(-1).astype('u1')).tobytes()
        out += b'\0' + data
    return out


def png(color, depth, interlaced, width, height, transparent=False, gamma=False):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    pixels = random.randint(0, 2**depth, (height, width, channels))
    planes = [pixels[y::sy, x::sx] for x, y, sx, sy in PASSES] if interlaced else [pixels]
    data = b''.join(pack(plane, depth) for plane in planes if plane.size)
    out = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, depth, color, 0, 0, interlaced))
    if gamma:
        out += chunk(b'gAMA', struct.pack('>I', 22727))
    if color == 3:
        out += chunk(b'PLTE', random.randint(0, 256, (2**depth, 3)).astype('u1').tobytes())
    if transparent:
        first = [int(value) for value in pixels[0, 0]]
        alpha = random.randint(0, 256, 2**depth).astype('u1').tobytes() if color == 3 else struct.pack(f'>{channels}H', *first)
        out += chunk(b'tRNS', alpha)
    return out + chunk(b'IDAT', zlib.compress(data)) + chunk(b'IEND', b'')


def pngs():
    for color, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4, 8)), (4, (8, 16)), (6, (8, 16))):
        for depth in depths:
            for interlaced in (0, 1):
                for width, height in ((37, 11), (1, 1), (3, 50)):
                    yield f'png colour {color}, {depth} bits, interlaced {interlaced}, {width}x{height}', png(color, depth, interlaced, width, height)
            yield f'png colour {color}, {depth} bits, gamma', png(color, depth, 0, 5, 4, gamma=True)
            if color in (0, 2, 3):
                yield f'png colour {color}, {depth} bits, transparent', png(color, depth, 0, 5, 4, transparent=True)


def jpegs():
    folder = os.path.join(ROOT, 'examples/direction_classifier/images')
    image = Image.open(os.path.join(folder, 'render_0.png')).convert('RGB').resize((61, 37))
    noise = Image.fromarray(random.randint(0, 256, (19, 33, 3)).astype('u1'))

    def save(picture, **options):
        out = io.BytesIO()
        picture.save(out, 'JPEG', **options)
        return out.getvalue()
    for name, picture in (('line', image), ('noise', noise)):
        for quality in (30, 75, 95):
            for subsampling in (0, 1, 2):
                for progressive in (False, True):
                    what = f'jpeg {name}, quality {quality}, subsampling {subsampling}, progressive {progressive}'
                    yield what, save(picture, quality=quality, subsampling=subsampling, progressive=progressive)
        yield f'jpeg {name}, grey', save(picture.convert('L'), quality=80)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f'jpeg noise, orientation {orientation}', save(noise, quality=90, exif=exif)


def formula_pixels(width, height, seed):
    """The pixels of a resize case: a linear congruential generator, upper 8 of 32 bits."""
    out = np.empty(width * height * 3, 'u1')
    state = seed
    for i in range(len(out)):
        state = (state * 1664525 + 1013904223) & 0xffffffff
        out[i] = state >> 24
    return out.reshape(height, width, 3)


def resizes():
    for seed in range(240):
        # Small numbers often: borders and factors below 1 are where it is hard. Every eighth case is exactly half.
        width, height = (int(2 ** random.uniform(0, 8.5)) for _ in range(2))
        out_width, out_height = (max(1, width // 2), max(1, height // 2)) if seed % 8 == 0 else (int(random.randint(1, 193)), 48)
        if seed % 8 == 0:
            width, height = 2 * out_width, 2 * out_height
        result = cv2.resize(formula_pixels(width, height, seed), (out_width, out_height), interpolation=cv2.INTER_LINEAR)
        yield [seed, width, height, out_width, out_height, zlib.crc32(result.tobytes())]


def main():
    files = []
    for name, data in [*pngs(), *jpegs()]:
        pixels = cv2.imdecode(np.frombuffer(data, 'u1'), cv2.IMREAD_COLOR)
        bgr = base64.b64encode(pixels.tobytes()).decode()
        files.append({'name': name, 'file': base64.b64encode(data).decode(), 'height': pixels.shape[0], 'width': pixels.shape[1], 'bgr': bgr})
    document = {'opencv': cv2.__version__, 'files': files, 'resize': list(resizes())}
    path = os.path.join(ROOT, 'test/golden/direction_classifier/opencv.json.gz')
    with open(path, 'wb') as out, gzip.GzipFile(filename='', mode='wb', fileobj=out, mtime=0) as packed:
        packed.write(json.dumps(document, separators=(',', ':')).encode())


if __name__ == '__main__':
    main()
