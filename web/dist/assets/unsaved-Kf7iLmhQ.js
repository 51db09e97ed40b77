import{h as u,U as o,W as i}from"./index-Dnxv-3KF.js";function l(e,r,a){u(()=>{if(!e)return;const n=o.value;return i(s=>(a??(t=>t.split("?")[0]===n))(s)?null:r)})}export{l as u};
