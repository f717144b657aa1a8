// @ts-check
/** The table of tasks as a widget. */

import { displayedBy } from "../shared/display.js";
import { Table } from "./table.js";

export default displayedBy(Table);
