// What pages gain when scripts run. Every page is complete without this file.
import "./style.css";
import { drawBlurhashes } from "./enhance/blurhash-canvas";
import { enableCopy } from "./enhance/copy";
import { guardForms } from "./enhance/forms";
import { revealPasswords } from "./enhance/password";
import { keepTimesRelative } from "./enhance/times";
import { toggleAllWarnings } from "./enhance/warnings";

keepTimesRelative(document);
enableCopy(document);
revealPasswords(document);
guardForms(document);
toggleAllWarnings(document);
drawBlurhashes(document);
