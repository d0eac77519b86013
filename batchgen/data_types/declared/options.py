"""Options of a declared data type: how its table is read, and the declaration itself, which is stored with the job."""

from __future__ import annotations

from pydantic import Field

from batchgen.data_types.declared.declaration import Declaration
from batchgen.data_types.tabular import TabularOptions


class DeclaredOptions(TabularOptions):
    """A table and what to generate for each of its rows."""

    declaration: Declaration = Field(description="The declaration, as it stands in its YAML file.")
