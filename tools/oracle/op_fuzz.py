"""Random cases of every operator, run by paddlepaddle==2.6.2 and written in the format of test/golden/ops.

    python tools/oracle/op_fuzz.py OUTDIR [--seed N] [--count N] [OP ...]

Each generator of op_fuzz_*.py draws one case of an operator: element types, shapes with 0, 1 and odd sizes, 0-D, attributes, optional inputs.
Cases that Paddle refuses are written as error cases with the summary "refused"; cases that crash it are dropped and reported.
`npx tsx tools/op_fuzz.ts OUTDIR` then says where our operators differ.
"""
import argparse, json, os, pickle, random, signal, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from op_case_engine import *
from op_fuzz_draw import GENERATORS, TOLERANCES, EXACT
import op_fuzz_detection, op_fuzz_linear, op_fuzz_math, op_fuzz_nn, op_fuzz_tensor  # noqa: F401  (fill GENERATORS)


def record(case):
    """-> (line or None, message or None)"""
    base = TOLERANCES.get(case.op, (1e-6, 1e-7))
    make_one = lambda: make(case, "oarlock-fuzz", case.op in EXACT, False, base)
    line, message = make_one()
    if line is None and message and message.startswith("UNEXPECTED ERROR"):
        case.err = "refused"
        line, _ = make_one()
        if line: line = line[:-1] + ',"paddle":%s}' % json.dumps(message[18:])
        return line, None
    return line, message


def record_all(cases):
    """Yields (case, line, message). One child runs as many cases as it survives; the one that kills it is reported, and a new child goes on
    behind it. A child of its own for each case would take six times as long."""
    done = 0
    while done < len(cases):
        r, w = os.pipe(); pid = os.fork()
        if pid == 0:
            os.close(r); null = os.open(os.devnull, os.O_WRONLY); os.dup2(null, 2)
            with os.fdopen(w, "wb") as f:
                for case in cases[done:]:
                    signal.alarm(30)
                    try: result = record(case)
                    except BaseException as e: result = (None, "ENGINE ERROR %r" % e)
                    pickle.dump(result, f); f.flush()
            os._exit(0)
        os.close(w)
        with os.fdopen(r, "rb") as f:
            while done < len(cases):
                try: line, message = pickle.load(f)
                except EOFError:
                    yield cases[done], None, "CRASH"; done += 1
                    break
                yield cases[done], line, message; done += 1
        os.waitpid(pid, 0)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("outdir"); args.add_argument("ops", nargs="*")
    args.add_argument("--seed", type=int, default=1); args.add_argument("--count", type=int, default=40)
    args = args.parse_intermixed_args()
    os.makedirs(args.outdir, exist_ok=True)
    for op in args.ops or sorted(GENERATORS):
        lines = []; cases = []
        for i in range(args.count):
            case = GENERATORS[op](random.Random("%s|%d|%d" % (op, args.seed, i)))
            if case is None: continue
            case.op = op
            case.name = "fuzz_%d_%d" % (args.seed, i)
            cases.append(case)
        for case, line, message in record_all(cases):
            if message: print("%s/%s: %s  %s" % (op, case.name, message, case.attrs), flush=True)
            if line: lines.append(line)
        if lines:
            with open(os.path.join(args.outdir, op + ".jsonl"), "w") as f: f.write("\n".join(lines) + "\n")


if __name__ == "__main__": main()
