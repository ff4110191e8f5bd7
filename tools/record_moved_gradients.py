"""Records Paddle's own gradients of step 1 from a start that is one unit in the last place away from the recorded one:
test/golden/direction_classifier/{train,train_finetune}/gradients_step1_moved.pdiparams.gz.

  python tools/record_moved_gradients.py GOLDEN ORACLE     GOLDEN: the recordings of both trainings; ORACLE: the scripts that made them

hard_swish and relu have kinks. In both recorded runs an activation lies within rounding of one, and the gradients below it jump by up to 0.8 % of
their largest value, depending on which side it falls. Paddle falls on the other side when its start moves by one unit in the last place.
"""
import gzip, json, os, struct, sys, tempfile
import numpy as np

golden, oracle = sys.argv[1:]
sys.path.insert(0, oracle)
import paddle
import direction_classifier_train as recorder

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read(path):
    raw, at, values = open(path, 'rb').read(), 0, {}
    for name, shape in json.load(open(path + '.json')):
        size, = struct.unpack_from('<i', raw, at + 16)
        at += 20 + size
        count = int(np.prod(shape))
        values[name] = np.frombuffer(raw, 'float32', count, at).reshape(shape)
        at += 4 * count
    return values


paddle.enable_static()
x, y = recorder.text_lines.load(golden + '/data/train')
# Seeds of the direction in which each value moves, of those tried the first that falls on the other side.
for folder, seed in (('train', 1), ('train_finetune', 2)):
    run = json.load(open(f'{golden}/{folder}/run.json'))
    main, startup, _, _, _, pairs = recorder.build(run['base_lr'], 'l2zero')
    parameters = {p.name for p in main.all_parameters()}
    random = np.random.RandomState(seed)
    scope, executor = paddle.static.Scope(), paddle.static.Executor(paddle.CPUPlace())
    with paddle.static.scope_guard(scope):
        executor.run(startup)
        moved = {}
        for name, value in read(f'{golden}/{folder}/initial.pdiparams').items():
            if name in parameters:
                target = np.where(random.rand(*value.shape) < 0.5, np.float32(-9e9), np.float32(9e9))
                value = np.nextafter(value, target, dtype='float32')
            if name != 'learning_rate_0':
                moved[name] = value
        recorder.put(scope, moved)
        rows = run['batches'][0]
        names = [gradient.name for _, gradient in pairs]
        got = executor.run(main, feed={'image': x[rows], 'label': y[rows]}, fetch_list=names)
    plain = os.path.join(tempfile.mkdtemp(), 'gradients')
    recorder.write_combined(plain, dict(zip(names, got)))
    with open(f'{ROOT}/test/golden/direction_classifier/{folder}/gradients_step1_moved.pdiparams.gz', 'wb') as out:
        with gzip.GzipFile(filename='', mode='wb', fileobj=out, mtime=0) as packed:
            packed.write(open(plain, 'rb').read())
