"""The shop behind REST."""

from tests.tools.remote.shop import main

if __name__ == "__main__":
    main("rest")
