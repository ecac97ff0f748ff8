"""Count parameters, MACs and FLOPs of models: get_flops.py CONFIG [CONFIG ...]."""

import argparse
import sys
from collections.abc import Sequence

from mmyolo_mnv1.analysis.arguments import add_config_arguments, add_out_argument
from mmyolo_mnv1.analysis.get_flops import flops_table, layers_table
from mmyolo_mnv1.analysis.tables import check_suffixes


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="+")
    parser.add_argument(
        "--shape",
        type=int,
        nargs=2,
        metavar=("H", "W"),
        help="input in pixels; default: the config's own",
    )
    parser.add_argument("--layers", action="store_true", help="also each layer")
    add_config_arguments(parser)
    add_out_argument(parser)
    args = parser.parse_args(argv)
    check_suffixes(args.out)
    if args.layers:
        for config in args.config:
            print(layers_table(config, args.shape, args.cfg_options).markdown())
    table = flops_table(args.config, args.shape, args.cfg_options)
    print(table.markdown())
    table.write(args.out)


if __name__ == "__main__":
    sys.exit(main())
