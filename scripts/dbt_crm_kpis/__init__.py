"""Plugins of dbt-core: one makes the installed project a package of a company's project, one speeds up tests.

dbt imports each installed module whose name starts with `dbt_`, and takes its plugins before it parses. So
`dbt build` works in a company's project without `dbt deps`, and goes on working when another version is
installed.
"""

from pathlib import Path

from crm_kpis.errors import InputError
from crm_kpis.project import link_package
from dbt.flags import get_flags
from dbt.plugins.manager import dbtPlugin
from dbt_common.exceptions import DbtRuntimeError

from dbt_crm_kpis.first_word import read_first_word


class LinkPackage(dbtPlugin):
    """Links the installed project into the dbt_packages of a company's project."""

    def initialize(self) -> None:
        """Make the link, where it is not there or points to another version.

        Raises:
            DbtRuntimeError: The link can't be made; the message is that of the InputError.
        """
        try:
            link_package(Path(get_flags().PROJECT_DIR))
        except InputError as error:
            raise DbtRuntimeError(f"\n{error}") from error


class FirstWord(dbtPlugin):
    """Lets dbt read no more of a model's SQL than its first word when it makes a unit test of it."""

    def initialize(self) -> None:
        """Take effect for this process."""
        read_first_word()


plugins = [LinkPackage, FirstWord]
